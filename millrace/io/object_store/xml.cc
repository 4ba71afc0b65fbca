#include "millrace/io/object_store/xml.h"

#include <limits>
#include <memory>
#include <type_traits>

#include <expat.h>

#include "millrace/io/errors.h"

namespace millrace::io {

namespace {

constexpr size_t kMaxDepth = 32;

// Elements that are open, the root's parent first.
struct Building {
  XML_Parser parser = nullptr;
  std::vector<XmlElement> open{XmlElement{}};
  const char* refused = nullptr;

  void Refuse(const char* reason) {
    refused = reason;
    XML_StopParser(parser, XML_FALSE);
  }

  static void Begin(void* self, const XML_Char* name, const XML_Char**) {
    auto* building = static_cast<Building*>(self);
    if (building->open.size() > kMaxDepth)
      return building->Refuse("it is nested too deep");
    const std::string_view whole(name);
    const size_t colon = whole.rfind(':');
    building->open.emplace_back();
    building->open.back().name = whole.substr(colon == whole.npos ? 0 : colon + 1);
  }
  static void End(void* self, const XML_Char*) {
    auto* building = static_cast<Building*>(self);
    XmlElement done = std::move(building->open.back());
    building->open.pop_back();
    building->open.back().children.push_back(std::move(done));
  }
  static void Text(void* self, const XML_Char* text, int size) {
    static_cast<Building*>(self)->open.back().text.append(text,
                                                          static_cast<size_t>(size));
  }
  static void Doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*,
                      int) {
    static_cast<Building*>(self)->Refuse("it has a document type");
  }
};

}  // namespace

const XmlElement* XmlElement::Child(std::string_view child) const {
  for (const XmlElement& element : children) {
    if (element.name == child) return &element;
  }
  return nullptr;
}

std::string XmlElement::TextOf(std::string_view child) const {
  const XmlElement* found = Child(child);
  return found == nullptr ? "" : found->text;
}

Result<XmlElement> ParseXml(std::string_view text) {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    return errors::kUnknownAnswer.Make({}, "XML of {} bytes", text.size());
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)>
      parser(XML_ParserCreate("UTF-8"), &XML_ParserFree);
  if (!parser) return Status::OutOfMemory("expat");
  Building building;
  building.parser = parser.get();
  XML_SetUserData(parser.get(), &building);
  XML_SetElementHandler(parser.get(), &Building::Begin, &Building::End);
  XML_SetCharacterDataHandler(parser.get(), &Building::Text);
  XML_SetStartDoctypeDeclHandler(parser.get(), &Building::Doctype);
  if (XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), 1) !=
      XML_STATUS_OK) {
    const char* reason = building.refused != nullptr
                             ? building.refused
                             : XML_ErrorString(XML_GetErrorCode(parser.get()));
    return errors::kUnknownAnswer.Make(
        {.line = static_cast<int32_t>(XML_GetCurrentLineNumber(parser.get()))}, "XML: {}",
        reason);
  }
  return std::move(building.open.front().children.front());
}

std::string XmlEscaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (byte < 0x20) {
      out += "&#" + std::to_string(byte) + ";";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace millrace::io
