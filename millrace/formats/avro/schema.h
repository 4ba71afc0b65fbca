// An Avro schema, parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::formats::avro {

enum class Kind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kFixed,
  kEnum,
  kArray,
  kMap,
  kRecord,
  kUnion,
};

enum class Logical : uint8_t {
  kNone,
  kDecimal,
  kUuid,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kTimestampNanos,
  kLocalTimestampMillis,
  kLocalTimestampMicros,
  kLocalTimestampNanos,
  kDuration,
};

struct Type;
using TypePtr = std::shared_ptr<const Type>;

struct Field {
  std::string name;
  std::vector<std::string> aliases;
  TypePtr type;
  /// The default in Avro's own bytes, of the field's type. For a union, of its first
  /// branch, as the specification wants it.
  std::optional<std::string> default_bytes;
};

/// Immutable. A named type that is used twice is one object; none holds itself.
struct Type {
  Kind kind = Kind::kNull;
  Logical logical = Logical::kNone;
  int32_t precision = 0, scale = 0;  ///< of a decimal
  int64_t size = 0;                  ///< bytes of a fixed
  std::string name;                  ///< full name of a named type
  std::vector<std::string> aliases;  ///< full names
  std::vector<Field> fields;         ///< of a record
  std::vector<std::string> symbols;  ///< of an enum
  int32_t default_symbol = -1;       ///< of an enum; −1: none
  std::vector<TypePtr> children;     ///< items, values, or branches
  int64_t weight = 1;                ///< types in it, named ones as often as they stand
};

/// Fails with kAvroBadSchema, or kAvroUnsupported for types that hold themselves. A
/// schema that is no record becomes a record with the one field "value", whose bytes are
/// the same. `file` is for messages.
Result<TypePtr> ParseSchema(std::string_view json, const std::string& file);

/// The branch that is null of a union of null and at most one other type, −1 when it is
/// another union. `value`: the other one; null when there is none.
int NullBranch(const Type& type, const Type** value);

/// May the field be NULL? `type` is what ArrowTypeOf takes.
bool IsNullable(const Type& type);

/// The type of a column of `type`: a union of null and T is T. Fails with
/// kAvroUnsupported.
Result<std::shared_ptr<arrow::DataType>> ArrowTypeOf(const Type& type,
                                                     const std::string& file);

/// The fields of record `type` as columns.
Result<std::shared_ptr<arrow::Schema>> ArrowSchemaOf(const Type& type,
                                                     const std::string& file);

}  // namespace millrace::formats::avro
