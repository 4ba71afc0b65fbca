#include "millrace/sql/types.h"

#include <unordered_map>

#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/sql/ast.h"

namespace millrace::sql {

namespace {

struct NamedType {
  const char* name;
  std::shared_ptr<arrow::DataType> (*make)();
};

std::shared_ptr<arrow::DataType> Micros() {
  return arrow::timestamp(arrow::TimeUnit::MICRO);
}
std::shared_ptr<arrow::DataType> MicrosUtc() {
  return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}
std::shared_ptr<arrow::DataType> TimeMicros() {
  return arrow::time64(arrow::TimeUnit::MICRO);
}
std::shared_ptr<arrow::DataType> DefaultDecimal() { return arrow::decimal128(18, 3); }

template <const std::shared_ptr<arrow::DataType>& (*kMake)()>
std::shared_ptr<arrow::DataType> Make() {
  return kMake();
}

constexpr NamedType kTypes[] = {
    {"BOOLEAN", Make<arrow::boolean>},
    {"BOOL", Make<arrow::boolean>},
    {"TINYINT", Make<arrow::int8>},
    {"SMALLINT", Make<arrow::int16>},
    {"INT", Make<arrow::int32>},
    {"INTEGER", Make<arrow::int32>},
    {"BIGINT", Make<arrow::int64>},
    {"UTINYINT", Make<arrow::uint8>},
    {"USMALLINT", Make<arrow::uint16>},
    {"UINTEGER", Make<arrow::uint32>},
    {"UBIGINT", Make<arrow::uint64>},
    {"INT2", Make<arrow::int16>},
    {"INT4", Make<arrow::int32>},
    {"INT8", Make<arrow::int64>},
    {"FLOAT", Make<arrow::float32>},
    {"REAL", Make<arrow::float32>},
    {"FLOAT4", Make<arrow::float32>},
    {"DOUBLE", Make<arrow::float64>},
    {"FLOAT8", Make<arrow::float64>},
    {"DECIMAL", DefaultDecimal},
    {"NUMERIC", DefaultDecimal},
    {"VARCHAR", Make<arrow::utf8>},
    {"TEXT", Make<arrow::utf8>},
    {"STRING", Make<arrow::utf8>},
    {"CHAR", Make<arrow::utf8>},
    {"CHARACTER", Make<arrow::utf8>},
    {"JSON", Make<arrow::utf8>},
    {"BYTES", Make<arrow::binary>},
    {"BYTEA", Make<arrow::binary>},
    {"BINARY", Make<arrow::binary>},
    {"VARBINARY", Make<arrow::binary>},
    {"BLOB", Make<arrow::binary>},
    {"DATE", Make<arrow::date32>},
    {"TIME", TimeMicros},
    {"TIMESTAMP", Micros},
    {"DATETIME", Micros},
    {"TIMESTAMPTZ", MicrosUtc},
    {"TIMESTAMP_LTZ", MicrosUtc},
    {"INTERVAL",
     +[]() -> std::shared_ptr<arrow::DataType> {
       return arrow::month_day_nano_interval();
     }},
};

std::string Nested(const arrow::Field& field) { return TypeToSql(*field.type()); }

std::string TimestampToSql(const arrow::TimestampType& type) {
  std::string out = "TIMESTAMP";
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND: out += "(0)"; break;
    case arrow::TimeUnit::MILLI: out += "(3)"; break;
    case arrow::TimeUnit::MICRO: break;
    case arrow::TimeUnit::NANO: out += "(9)"; break;
  }
  return type.timezone().empty() ? out : out + " WITH TIME ZONE";
}

std::string StructToSql(const arrow::DataType& type) {
  std::string out = "STRUCT<";
  for (int i = 0; i < type.num_fields(); ++i) {
    if (i > 0) out += ", ";
    Identifier name{type.field(i)->name(), true, {}};
    out += ToSql(name) + " " + Nested(*type.field(i));
  }
  return out + ">";
}

}  // namespace

std::shared_ptr<arrow::DataType> TypeByName(const std::string& upper_name) {
  for (const NamedType& type : kTypes) {
    if (upper_name == type.name) return type.make();
  }
  return nullptr;
}

std::vector<std::string> TypeNames() {
  std::vector<std::string> names;
  for (const NamedType& type : kTypes) names.emplace_back(type.name);
  for (const char* name : {"ARRAY", "MAP", "STRUCT", "ROW"}) names.emplace_back(name);
  return names;
}

std::shared_ptr<arrow::DataType> DecimalType(int64_t precision, int64_t scale) {
  if (precision < 1 || precision > 76 || scale < 0 || scale > precision) return nullptr;
  const auto digits = static_cast<int32_t>(precision);
  const auto places = static_cast<int32_t>(scale);
  if (digits > 38) return arrow::decimal256(digits, places);
  return arrow::decimal128(digits, places);
}

std::shared_ptr<arrow::DataType> TimestampType(int64_t precision, bool zoned) {
  if (precision < 0 || precision > 9) return nullptr;
  const arrow::TimeUnit::type unit = precision == 0   ? arrow::TimeUnit::SECOND
                                     : precision <= 3 ? arrow::TimeUnit::MILLI
                                     : precision <= 6 ? arrow::TimeUnit::MICRO
                                                      : arrow::TimeUnit::NANO;
  return zoned ? arrow::timestamp(unit, "UTC") : arrow::timestamp(unit);
}

std::string TypeToSql(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL: return "BOOLEAN";
    case arrow::Type::INT8: return "TINYINT";
    case arrow::Type::INT16: return "SMALLINT";
    case arrow::Type::INT32: return "INTEGER";
    case arrow::Type::INT64: return "BIGINT";
    case arrow::Type::UINT8: return "UTINYINT";
    case arrow::Type::UINT16: return "USMALLINT";
    case arrow::Type::UINT32: return "UINTEGER";
    case arrow::Type::UINT64: return "UBIGINT";
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT: return "REAL";
    case arrow::Type::DOUBLE: return "DOUBLE";
    case arrow::Type::STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::LARGE_STRING: return "VARCHAR";
    case arrow::Type::BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::LARGE_BINARY: return "VARBINARY";
    case arrow::Type::DATE64:
    case arrow::Type::DATE32: return "DATE";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64: return "TIME";
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: return "INTERVAL";
    case arrow::Type::TIMESTAMP:
      return TimestampToSql(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("DECIMAL({}, {})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::DICTIONARY:
      return TypeToSql(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::LIST: return "ARRAY<" + Nested(*type.field(0)) + ">";
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return "MAP<" + TypeToSql(*map.key_type()) + ", " + TypeToSql(*map.item_type()) +
             ">";
    }
    case arrow::Type::STRUCT: return StructToSql(type);
    default: return type.ToString();
  }
}

}  // namespace millrace::sql
