// Names of types in SQL ⇄ Arrow types.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

namespace millrace::sql {

/// The type of a simple name without parameters, upper case ("BIGINT", "TEXT"), null
/// when there is none. VARCHAR(n), DECIMAL(p,s), TIMESTAMP(p) and nested types are put
/// together by the parser.
std::shared_ptr<arrow::DataType> TypeByName(const std::string& upper_name);

/// For "did you mean": every name that the grammar takes.
std::vector<std::string> TypeNames();

/// DECIMAL(p, s): decimal128 up to 38 digits, decimal256 up to 76; null beyond, or when
/// the scale does not fit.
std::shared_ptr<arrow::DataType> DecimalType(int64_t precision, int64_t scale);

/// TIMESTAMP(p): seconds, milliseconds, microseconds or nanoseconds, the nearest finer
/// one; null for p > 9. `zoned`: an instant, kept in UTC.
std::shared_ptr<arrow::DataType> TimestampType(int64_t precision, bool zoned);

/// The name that the parser reads back as `type`; Arrow's own name for a type that SQL
/// has no name for.
std::string TypeToSql(const arrow::DataType& type);

}  // namespace millrace::sql
