#include "millrace/formats/avro/write_schema.h"

#include <set>

#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/avro/errors.h"

namespace millrace::formats::avro {

namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Status Unsupported(const arrow::DataType& type, const std::string& column) {
  return errors::kAvroType.Make({.column = column}, "{}", data::SqlTypeName(type));
}

// A name that Avro allows and that `taken` does not hold.
std::string Sanitised(const std::string& name, std::set<std::string>& taken) {
  std::string out;
  for (const char c : name) out += IsLetter(c) || IsDigit(c) ? c : '_';
  if (out.empty() || IsDigit(out[0])) out.insert(out.begin(), '_');
  std::string unique = out;
  for (int i = 2; !taken.insert(unique).second; ++i)
    unique = fmt::format("{}_{}", out, i);
  return unique;
}

class SchemaWriter {
 public:
  Result<std::string> Record(const std::string& name, const arrow::FieldVector& fields) {
    std::set<std::string> taken;
    std::string out = fmt::format(R"({{"type":"record","name":"{}","fields":[)", name);
    for (const auto& field : fields) {
      if (out.back() == '}') out += ',';
      const std::string inner = Sanitised(field->name(), taken);
      ARROW_ASSIGN_OR_RAISE(const std::string type, Nullable(*field, name + "_" + inner));
      const bool optional = field->nullable() && type[0] == '[';
      out += fmt::format(
          R"({{"name":"{}","type":{}{}}})", inner, type,
          optional && type.starts_with("[\"null\"") ? R"(,"default":null)" : "");
    }
    return out + "]}";
  }

  std::string TypeName(const std::string& wanted) {
    // Only the last part of a path of names has to be unique; all of it is.
    std::string plain = wanted;
    for (char& c : plain) {
      if (c == '.') c = '_';
    }
    return Sanitised(plain, types_);
  }

 private:
  Result<std::string> Nullable(const arrow::Field& field, const std::string& path) {
    ARROW_ASSIGN_OR_RAISE(std::string type, TypeOf(*field.type(), path));
    if (!field.nullable() || type[0] == '[' || type == "\"null\"") return type;
    return "[\"null\"," + type + "]";
  }

  static std::string Logical(const char* type, const char* logical) {
    return fmt::format(R"({{"type":"{}","logicalType":"{}"}})", type, logical);
  }

  Result<std::string> TypeOf(const arrow::DataType& type, const std::string& path) {
    switch (type.id()) {
      case arrow::Type::NA: return "\"null\"";
      case arrow::Type::BOOL: return "\"boolean\"";
      case arrow::Type::INT32: return "\"int\"";
      case arrow::Type::INT64: return "\"long\"";
      case arrow::Type::FLOAT: return "\"float\"";
      case arrow::Type::DOUBLE: return "\"double\"";
      case arrow::Type::STRING: return "\"string\"";
      case arrow::Type::BINARY: return "\"bytes\"";
      case arrow::Type::FIXED_SIZE_BINARY:
        return fmt::format(
            R"({{"type":"fixed","name":"{}","size":{}}})", TypeName(path),
            static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width());
      case arrow::Type::DATE32: return Logical("int", "date");
      case arrow::Type::TIME32: return Logical("int", "time-millis");
      case arrow::Type::TIME64: return Logical("long", "time-micros");
      case arrow::Type::TIMESTAMP: {
        const auto& moment = static_cast<const arrow::TimestampType&>(type);
        const char* unit = moment.unit() == arrow::TimeUnit::MILLI   ? "millis"
                           : moment.unit() == arrow::TimeUnit::MICRO ? "micros"
                                                                     : "nanos";
        return fmt::format(R"({{"type":"long","logicalType":"{}timestamp-{}"}})",
                           moment.timezone().empty() ? "local-" : "", unit);
      }
      case arrow::Type::DECIMAL128:
      case arrow::Type::DECIMAL256: {
        const auto& decimal = static_cast<const arrow::DecimalType&>(type);
        return fmt::format(
            R"({{"type":"bytes","logicalType":"decimal","precision":{},"scale":{}}})",
            decimal.precision(), decimal.scale());
      }
      case arrow::Type::INTERVAL_MONTH_DAY_NANO:
        return fmt::format(
            R"({{"type":"fixed","name":"{}","size":12,"logicalType":"duration"}})",
            TypeName(path));
      case arrow::Type::LIST: {
        ARROW_ASSIGN_OR_RAISE(const std::string item,
                              Nullable(*type.field(0), path + "_item"));
        return fmt::format(R"({{"type":"array","items":{}}})", item);
      }
      case arrow::Type::MAP: {
        const auto& map = static_cast<const arrow::MapType&>(type);
        if (map.key_type()->id() == arrow::Type::STRING) {
          ARROW_ASSIGN_OR_RAISE(const std::string value,
                                Nullable(*map.item_field(), path + "_value"));
          return fmt::format(R"({{"type":"map","values":{}}})", value);
        }
        ARROW_ASSIGN_OR_RAISE(
            const std::string pair,
            Record(TypeName(path + "_pair"), {map.key_field(), map.item_field()}));
        return fmt::format(R"({{"type":"array","items":{}}})", pair);
      }
      case arrow::Type::STRUCT: return Record(TypeName(path), type.fields());
      case arrow::Type::DENSE_UNION: {
        std::string out = "[";
        std::set<std::string> seen;
        for (const auto& branch : type.fields()) {
          ARROW_ASSIGN_OR_RAISE(const std::string text,
                                TypeOf(*branch->type(), path + "_" + branch->name()));
          // Types without a name may stand once, whatever their logical type.
          const bool named = branch->type()->id() == arrow::Type::STRUCT ||
                             branch->type()->id() == arrow::Type::FIXED_SIZE_BINARY;
          const std::string key =
              named ? text : text.substr(0, text.find_first_of(",]", 1));
          if (text[0] == '[' || !seen.insert(key).second) {
            return Unsupported(type, path);
          }
          out += (out.size() > 1 ? "," : "") + text;
        }
        return out + "]";
      }
      default: return Unsupported(type, path);
    }
  }

  std::set<std::string> types_;
};

}  // namespace

bool IsAvroName(const std::string& name, bool full) {
  bool first = true;
  for (const char c : name) {
    if (full && c == '.' && !first) {
      first = true;
      continue;
    }
    if (!IsLetter(c) && (first || !IsDigit(c))) return false;
    first = false;
  }
  return !first;
}

Result<std::shared_ptr<arrow::DataType>> WrittenType(
    const std::shared_ptr<arrow::DataType>& type, const std::string& column) {
  using arrow::TimeUnit;
  auto written = [&](const std::shared_ptr<arrow::Field>& field)
      -> Result<std::shared_ptr<arrow::Field>> {
    ARROW_ASSIGN_OR_RAISE(auto inner, WrittenType(field->type(), column));
    return field->WithType(std::move(inner));
  };
  switch (type->id()) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16: return arrow::int32();
    case arrow::Type::UINT32: return arrow::int64();
    case arrow::Type::UINT64: return arrow::decimal128(20, 0);
    case arrow::Type::HALF_FLOAT: return arrow::float32();
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW: return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW: return arrow::binary();
    case arrow::Type::DATE64: return arrow::date32();
    case arrow::Type::TIME32: return arrow::time32(TimeUnit::MILLI);
    case arrow::Type::TIME64: return arrow::time64(TimeUnit::MICRO);
    case arrow::Type::TIMESTAMP: {
      const auto& moment = static_cast<const arrow::TimestampType&>(*type);
      if (moment.unit() != TimeUnit::SECOND) return type;
      return arrow::timestamp(TimeUnit::MILLI, moment.timezone());
    }
    case arrow::Type::DICTIONARY:
      return WrittenType(static_cast<const arrow::DictionaryType&>(*type).value_type(),
                         column);
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto item, written(type->field(0)));
      return arrow::list(std::move(item));
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      ARROW_ASSIGN_OR_RAISE(auto key, written(map.key_field()));
      ARROW_ASSIGN_OR_RAISE(auto item, written(map.item_field()));
      return std::make_shared<arrow::MapType>(std::move(key), std::move(item),
                                              map.keys_sorted());
    }
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) {
        ARROW_ASSIGN_OR_RAISE(auto inner, written(field));
        fields.push_back(std::move(inner));
      }
      return arrow::struct_(std::move(fields));
    }
    case arrow::Type::DENSE_UNION:
      // Unions can't be cast.
      for (const auto& field : type->fields()) {
        ARROW_ASSIGN_OR_RAISE(const auto inner, written(field));
        if (!inner->type()->Equals(field->type())) return Unsupported(*type, column);
      }
      return type;
    case arrow::Type::NA:
    case arrow::Type::BOOL:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DATE32:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: return type;
    default: return Unsupported(*type, column);
  }
}

Result<std::string> SchemaJson(const arrow::Schema& schema, const std::string& name) {
  SchemaWriter writer;
  const std::string record = name;
  writer.TypeName(record.substr(record.rfind('.') + 1));
  return writer.Record(record, schema.fields());
}

}  // namespace millrace::formats::avro
