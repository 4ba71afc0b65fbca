#include "millrace/state/sealed_json.h"

#include <arrow/util/base64.h>
#include <xxhash.h>

namespace millrace::state {

using nlohmann::json;

namespace {

std::string SealOf(std::string_view line) {
  return "xxh3 " + HexDigits(XXH3_64bits(line.data(), line.size())) + "\n";
}

}  // namespace

std::string HexDigits(uint64_t value) { return fmt::format("{:016x}", value); }

std::string Base64(const std::string& bytes) { return arrow::util::base64_encode(bytes); }

std::string Sealed(const json& object) {
  std::string text = object.dump() + "\n";
  text += SealOf(text);
  return text;
}

Result<json> Unsealed(const std::string& text, const ErrorSpec& damaged,
                      const std::string& where) {
  const size_t line = text.find('\n');
  if (line == std::string::npos)
    return damaged.Make({.file = where}, "it ends too early");
  if (text.compare(line + 1, std::string::npos, SealOf({text.data(), line + 1})) != 0)
    return damaged.Make({.file = where}, "its checksum does not fit");
  return json::parse(text.data(), text.data() + line, nullptr, false);
}

Fields::Fields(const json& object, bool* good) : object_(object), good_(good) {
  if (!object.is_object()) *good_ = false;
}

const json& Fields::Get(const char* name) const {
  static const json kNothing;
  if (!object_.is_object()) return kNothing;
  const auto found = object_.find(name);
  return found == object_.end() ? kNothing : *found;
}

int64_t Fields::Integer(const char* name) const {
  const json& value = Get(name);
  if (value.is_number_integer()) return value.get<int64_t>();
  *good_ = false;
  return 0;
}

std::string Fields::Text(const char* name) const {
  const json& value = Get(name);
  if (value.is_string()) return value.get<std::string>();
  *good_ = false;
  return {};
}

std::string Fields::Bytes(const char* name) const {
  auto decoded = arrow::util::base64_decode(Text(name));
  if (decoded.ok()) return std::move(*decoded);
  *good_ = false;
  return {};
}

const json& Fields::List(const char* name) const {
  const json& value = Get(name);
  if (!value.is_array()) *good_ = false;
  return value;
}

std::map<std::string, int64_t> Fields::Numbers(const char* name) const {
  std::map<std::string, int64_t> out;
  const json& object = Get(name);
  if (!object.is_object()) *good_ = false;
  for (const auto& [key, value] : object.items()) {
    if (value.is_number_integer()) {
      out[key] = value.get<int64_t>();
    } else {
      *good_ = false;
    }
  }
  return out;
}

}  // namespace millrace::state
