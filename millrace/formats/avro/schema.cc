#include "millrace/formats/avro/schema.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include <simdjson.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxTypes = 100'000;
constexpr size_t kMaxDefaultBytes = 1 << 20;
constexpr int64_t kMaxFixedBytes = 16 << 20;
constexpr int kMaxDecimalDigits = 76;

std::optional<Kind> PrimitiveOf(std::string_view name) {
  static constexpr std::pair<std::string_view, Kind> kNames[] = {
      {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
      {"long", Kind::kLong},   {"float", Kind::kFloat},     {"double", Kind::kDouble},
      {"bytes", Kind::kBytes}, {"string", Kind::kString}};
  for (const auto& [text, kind] : kNames) {
    if (text == name) return kind;
  }
  return std::nullopt;
}

std::string_view TextOf(const object& from, const char* key) {
  std::string_view out;
  if (from[key].get(out)) return {};
  return out;
}

// Code points below 256 as bytes, which is how JSON tells defaults of bytes.
bool AppendLatin1(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      out->push_back(text[i]);
    } else if ((byte == 0xC2 || byte == 0xC3) && i + 1 < text.size()) {
      out->push_back(static_cast<char>((byte & 3) << 6 | (text[++i] & 0x3F)));
    } else {
      return false;
    }
  }
  return true;
}

// A default in Avro's bytes. False when it is none of that type.
bool EncodeDefault(const Type& type, const element& value, std::string* out) {
  auto append = [out](const auto& number) {
    out->append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  if (out->size() > kMaxDefaultBytes) return false;
  switch (type.kind) {
    case Kind::kNull: return value.is_null();
    case Kind::kBoolean: {
      bool flag = false;
      if (value.get(flag)) return false;
      out->push_back(flag ? 1 : 0);
      return true;
    }
    case Kind::kInt:
    case Kind::kLong: {
      int64_t number = 0;
      if (value.get(number)) return false;
      if (type.kind == Kind::kInt && number != static_cast<int32_t>(number)) return false;
      AppendLong(number, out);
      return true;
    }
    case Kind::kFloat:
    case Kind::kDouble: {
      double number = 0;
      if (value.get(number)) return false;
      if (type.kind == Kind::kDouble) {
        append(number);
      } else {
        append(static_cast<float>(number));
      }
      return true;
    }
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kFixed: {
      std::string_view text;
      if (value.get(text)) return false;
      std::string bytes;
      if (type.kind == Kind::kString) {
        bytes = text;
      } else if (!AppendLatin1(text, &bytes)) {
        return false;
      }
      if (type.kind == Kind::kFixed) {
        if (static_cast<int64_t>(bytes.size()) != type.size) return false;
      } else {
        AppendLong(static_cast<int64_t>(bytes.size()), out);
      }
      *out += bytes;
      return true;
    }
    case Kind::kEnum: {
      std::string_view text;
      if (value.get(text)) return false;
      const auto found = std::find(type.symbols.begin(), type.symbols.end(), text);
      if (found == type.symbols.end()) return false;
      AppendLong(found - type.symbols.begin(), out);
      return true;
    }
    case Kind::kArray: {
      simdjson::dom::array items;
      if (value.get(items)) return false;
      for (const element item : items) {
        AppendLong(1, out);
        if (!EncodeDefault(*type.children[0], item, out)) return false;
      }
      AppendLong(0, out);
      return true;
    }
    case Kind::kMap: {
      object items;
      if (value.get(items)) return false;
      for (const auto& [key, item] : items) {
        AppendLong(1, out);
        AppendLong(static_cast<int64_t>(key.size()), out);
        out->append(key);
        if (!EncodeDefault(*type.children[0], item, out)) return false;
      }
      AppendLong(0, out);
      return true;
    }
    case Kind::kRecord: {
      object items;
      if (value.get(items)) return false;
      for (const Field& field : type.fields) {
        element item;
        if (!items[field.name].get(item)) {
          if (!EncodeDefault(*field.type, item, out)) return false;
        } else if (field.default_bytes) {
          *out += *field.default_bytes;
        } else {
          return false;
        }
      }
      return true;
    }
    case Kind::kUnion: {
      // Of the first branch; newer versions of the specification allow any.
      for (size_t i = 0; i < type.children.size(); ++i) {
        std::string bytes;
        AppendLong(static_cast<int64_t>(i), &bytes);
        if (!EncodeDefault(*type.children[i], value, &bytes)) continue;
        *out += bytes;
        return true;
      }
      return false;
    }
  }
  return false;
}

class SchemaParser {
 public:
  explicit SchemaParser(const std::string& file) : file_(file) {}

  Result<TypePtr> Parse(const element& json, const std::string& space, int depth) {
    if (depth > kMaxDepth) return Bad("it is nested more than {} deep", kMaxDepth);
    ARROW_ASSIGN_OR_RAISE(TypePtr type, ParseType(json, space, depth));
    // Types that hold others twice grow with every level.
    if (type->weight > kMaxTypes) return Bad("it has more than {} types", kMaxTypes);
    return type;
  }

 private:
  Result<TypePtr> ParseType(const element& json, const std::string& space, int depth) {
    if (json.is_array()) return ParseUnion(json, space, depth);
    std::string_view text;
    if (!json.get(text)) return ParseName(text, space);
    object from;
    if (json.get(from)) return Bad("a type is neither a name, an object nor a list");
    element kind;
    if (from["type"].get(kind)) return Bad("a type lacks 'type'");
    if (kind.get(text)) return Parse(kind, space, depth + 1);
    if (text == "record" || text == "error") return ParseRecord(from, space, depth);
    if (text == "enum") return ParseEnum(from, space);
    if (text == "fixed") return ParseFixed(from, space);
    if (text == "array" || text == "map") {
      auto type = std::make_shared<Type>();
      type->kind = text == "array" ? Kind::kArray : Kind::kMap;
      element inner;
      if (from[text == "array" ? "items" : "values"].get(inner)) {
        return Bad("{} lacks the type of what it holds", text);
      }
      ARROW_ASSIGN_OR_RAISE(auto child, Parse(inner, space, depth + 1));
      type->weight += child->weight;
      type->children.push_back(std::move(child));
      return type;
    }
    if (const auto primitive = PrimitiveOf(text)) {
      auto type = std::make_shared<Type>();
      type->kind = *primitive;
      SetLogical(from, type.get());
      return type;
    }
    return ParseName(text, space);
  }

  template <typename... Args>
  Status Bad(fmt::format_string<Args...> format, Args&&... args) const {
    return errors::kAvroBadSchema.Make({.file = file_}, "{}",
                                       fmt::format(format, std::forward<Args>(args)...));
  }

  Result<TypePtr> ParseName(std::string_view name, const std::string& space) {
    if (const auto primitive = PrimitiveOf(name)) {
      auto type = std::make_shared<Type>();
      type->kind = *primitive;
      return type;
    }
    const std::string full = FullName(name, space);
    auto found = named_.find(full);
    if (found == named_.end()) found = named_.find(std::string(name));
    if (found == named_.end()) return Bad("nothing is called '{}'", name);
    if (!found->second) {
      return errors::kAvroUnsupported.Make({.file = file_}, "'{}' holds itself", full);
    }
    return found->second;
  }

  static std::string FullName(std::string_view name, const std::string& space) {
    if (space.empty() || name.find('.') != std::string_view::npos) {
      return std::string(name);
    }
    return space + "." + std::string(name);
  }

  // Takes the name of a type that is about to be defined. `inner`: the namespace of the
  // names in it.
  Status TakeName(const object& from, const std::string& space, Type* type,
                  std::string* inner) {
    const std::string_view name = TextOf(from, "name");
    if (name.empty()) return Bad("a type lacks its name");
    std::string own = space;
    if (std::string_view given; !from["namespace"].get(given)) own = given;
    type->name = FullName(name, own);
    const size_t dot = type->name.rfind('.');
    *inner = dot == std::string::npos ? "" : type->name.substr(0, dot);
    for (const std::string_view alias : Aliases(from)) {
      type->aliases.push_back(FullName(alias, *inner));
    }
    if (!named_.emplace(type->name, nullptr).second) {
      return Bad("two types are called '{}'", type->name);
    }
    return Status::OK();
  }

  static std::vector<std::string_view> Aliases(const object& from) {
    std::vector<std::string_view> out;
    simdjson::dom::array list;
    if (from["aliases"].get(list)) return out;
    for (const element alias : list) {
      std::string_view text;
      if (!alias.get(text)) out.push_back(text);
    }
    return out;
  }

  Result<TypePtr> ParseUnion(const element& json, const std::string& space, int depth) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kUnion;
    simdjson::dom::array list;
    if (json.get(list)) return Bad("a union is no list");
    std::set<std::string> seen;
    for (const element branch : list) {
      ARROW_ASSIGN_OR_RAISE(auto child, Parse(branch, space, depth + 1));
      if (child->kind == Kind::kUnion) return Bad("a union holds a union");
      const std::string key = child->name.empty()
                                  ? std::to_string(static_cast<int>(child->kind))
                                  : child->name;
      if (!seen.insert(key).second) return Bad("a union holds one type twice");
      type->weight += child->weight;
      type->children.push_back(std::move(child));
    }
    if (type->children.empty()) return Bad("a union holds nothing");
    return type;
  }

  Result<TypePtr> ParseRecord(const object& from, const std::string& space, int depth) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kRecord;
    std::string inner;
    ARROW_RETURN_NOT_OK(TakeName(from, space, type.get(), &inner));
    simdjson::dom::array list;
    if (from["fields"].get(list)) return Bad("'{}' lacks its fields", type->name);
    std::set<std::string> seen;
    for (const element item : list) {
      object json;
      if (item.get(json)) return Bad("'{}' has a field that is no object", type->name);
      Field field;
      field.name = TextOf(json, "name");
      if (field.name.empty()) return Bad("'{}' has a field without a name", type->name);
      if (!seen.insert(field.name).second) {
        return Bad("'{}' has the field '{}' twice", type->name, field.name);
      }
      for (const std::string_view alias : Aliases(json))
        field.aliases.emplace_back(alias);
      element inside;
      if (json["type"].get(inside)) return Bad("'{}' lacks its type", field.name);
      ARROW_ASSIGN_OR_RAISE(field.type, Parse(inside, inner, depth + 1));
      type->weight += field.type->weight;
      if (type->weight > kMaxTypes) return Bad("it has more than {} types", kMaxTypes);
      element value;
      if (!json["default"].get(value)) {
        std::string bytes;
        // A default that does not fit counts only where it is needed.
        if (EncodeDefault(*field.type, value, &bytes) &&
            bytes.size() <= kMaxDefaultBytes) {
          field.default_bytes = std::move(bytes);
        }
      }
      type->fields.push_back(std::move(field));
    }
    named_[type->name] = type;
    return type;
  }

  Result<TypePtr> ParseEnum(const object& from, const std::string& space) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kEnum;
    std::string inner;
    ARROW_RETURN_NOT_OK(TakeName(from, space, type.get(), &inner));
    simdjson::dom::array list;
    if (from["symbols"].get(list)) return Bad("'{}' lacks its symbols", type->name);
    std::set<std::string> seen;
    for (const element symbol : list) {
      std::string_view text;
      if (symbol.get(text)) return Bad("'{}' has a symbol that is no text", type->name);
      type->symbols.emplace_back(text);
      if (!seen.emplace(text).second) {
        return Bad("'{}' has the symbol '{}' twice", type->name, text);
      }
    }
    if (std::string_view text; !from["default"].get(text)) {
      const auto found = std::find(type->symbols.begin(), type->symbols.end(), text);
      if (found != type->symbols.end()) {
        type->default_symbol = static_cast<int32_t>(found - type->symbols.begin());
      }
    }
    named_[type->name] = type;
    return type;
  }

  Result<TypePtr> ParseFixed(const object& from, const std::string& space) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kFixed;
    std::string inner;
    ARROW_RETURN_NOT_OK(TakeName(from, space, type.get(), &inner));
    if (from["size"].get(type->size) || type->size < 0 || type->size > kMaxFixedBytes) {
      return Bad("'{}' has no size from 0 to {}", type->name, kMaxFixedBytes);
    }
    SetLogical(from, type.get());
    named_[type->name] = type;
    return type;
  }

  // A logical type that does not fit is ignored, as the specification wants it.
  static void SetLogical(const object& from, Type* type) {
    const std::string_view name = TextOf(from, "logicalType");
    const Kind kind = type->kind;
    static constexpr struct {
      std::string_view name;
      Kind kind;
      Logical logical;
    } kNames[] = {
        {"uuid", Kind::kString, Logical::kUuid},
        {"uuid", Kind::kFixed, Logical::kUuid},
        {"date", Kind::kInt, Logical::kDate},
        {"time-millis", Kind::kInt, Logical::kTimeMillis},
        {"time-micros", Kind::kLong, Logical::kTimeMicros},
        {"timestamp-millis", Kind::kLong, Logical::kTimestampMillis},
        {"timestamp-micros", Kind::kLong, Logical::kTimestampMicros},
        {"timestamp-nanos", Kind::kLong, Logical::kTimestampNanos},
        {"local-timestamp-millis", Kind::kLong, Logical::kLocalTimestampMillis},
        {"local-timestamp-micros", Kind::kLong, Logical::kLocalTimestampMicros},
        {"local-timestamp-nanos", Kind::kLong, Logical::kLocalTimestampNanos},
        {"duration", Kind::kFixed, Logical::kDuration},
        {"decimal", Kind::kBytes, Logical::kDecimal},
        {"decimal", Kind::kFixed, Logical::kDecimal},
    };
    for (const auto& row : kNames) {
      if (row.name == name && row.kind == kind) type->logical = row.logical;
    }
    if (type->logical == Logical::kDecimal) {
      int64_t precision = 0, scale = 0;
      if (from["precision"].get(precision)) precision = 0;
      if (from["scale"].get(scale)) scale = 0;
      if (precision < 1 || precision > kMaxDecimalDigits || scale < 0 ||
          scale > precision) {
        type->logical = Logical::kNone;
      }
      type->precision = static_cast<int32_t>(precision);
      type->scale = static_cast<int32_t>(scale);
    }
    const bool wrong_size =
        (type->logical == Logical::kDuration && type->size != 12) ||
        (type->logical == Logical::kUuid && kind == Kind::kFixed && type->size != 16);
    if (wrong_size) type->logical = Logical::kNone;
  }

  const std::string& file_;
  std::map<std::string, TypePtr> named_;  // null while a type is being defined
};

}  // namespace

Result<TypePtr> ParseSchema(std::string_view json, const std::string& file) {
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    // A bare name is written without quotes by some.
    if (!PrimitiveOf(json)) {
      return errors::kAvroBadSchema.Make({.file = file}, "it is no JSON: {}",
                                         simdjson::error_message(error));
    }
    auto type = std::make_shared<Type>();
    type->kind = Kind::kRecord;
    auto value = std::make_shared<Type>();
    value->kind = *PrimitiveOf(json);
    type->fields.push_back({.name = "value", .type = std::move(value)});
    return type;
  }
  SchemaParser schema(file);
  ARROW_ASSIGN_OR_RAISE(auto type, schema.Parse(root, "", 0));
  if (type->kind == Kind::kRecord) return type;
  auto record = std::make_shared<Type>();
  record->kind = Kind::kRecord;
  record->fields.push_back({.name = "value", .type = std::move(type)});
  return record;
}

}  // namespace millrace::formats::avro
