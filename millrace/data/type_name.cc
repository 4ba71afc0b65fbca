#include "millrace/data/type_name.h"

#include <arrow/type.h>
#include <fmt/format.h>

namespace millrace::data {

namespace {

std::string TimestampName(const arrow::TimestampType& type) {
  std::string name = "TIMESTAMP";
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND: name += "(0)"; break;
    case arrow::TimeUnit::MILLI: name += "(3)"; break;
    case arrow::TimeUnit::MICRO: break;
    case arrow::TimeUnit::NANO: name += "(9)"; break;
  }
  if (type.timezone().empty()) return name;
  name += " WITH TIME ZONE";
  return type.timezone() == "UTC" ? name : name + " '" + type.timezone() + "'";
}

}  // namespace

std::string SqlTypeName(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA: return "NULL";
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
    case arrow::Type::STRING_VIEW:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING: return "VARCHAR";
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::BINARY: return "VARBINARY";
    case arrow::Type::DATE64:
    case arrow::Type::DATE32: return "DATE";
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: return "INTERVAL";
    case arrow::Type::TIMESTAMP:
      return TimestampName(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::DURATION: return "DURATION";
    case arrow::Type::TIME32: return "TIME(3)";
    case arrow::Type::TIME64:
      if (static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::MICRO)
        return "TIME";
      return "TIME(9)";
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("DECIMAL({}, {})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::DICTIONARY:
      return SqlTypeName(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST: return SqlTypeName(*type.field(0)->type()) + "[]";
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return fmt::format("MAP<{}, {}>", SqlTypeName(*map.key_type()),
                         SqlTypeName(*map.item_type()));
    }
    case arrow::Type::STRUCT: {
      std::string out = "STRUCT<";
      for (const auto& field : type.fields()) {
        if (out.back() != '<') out += ", ";
        out += field->name() + " " + SqlTypeName(*field->type());
      }
      return out + ">";
    }
    default: return type.ToString();
  }
}

}  // namespace millrace::data
