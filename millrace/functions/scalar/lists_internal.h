// Columns of lists and maps.
#pragma once

#include <memory>
#include <string>

#include "millrace/expr/function.h"
#include "millrace/functions/scalar/rows_internal.h"
#include "millrace/functions/scalar/signature_internal.h"

namespace millrace::functions {

inline bool IsList(const arrow::DataType& type) {
  return type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST ||
         type.id() == arrow::Type::FIXED_SIZE_LIST;
}
inline bool IsMap(const arrow::DataType& type) { return type.id() == arrow::Type::MAP; }

/// A run of values.
struct Extent {
  int64_t begin, length;
};

/// Where the values of each list lie, whatever its layout; a map is one of entries. A
/// scalar is seen by every row.
class Lists {
 public:
  static Result<Lists> Make(const arrow::Datum& datum, arrow::MemoryPool* pool) {
    Lists out;
    if (datum.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(out.array_,
                            arrow::MakeArrayFromScalar(*datum.scalar(), 1, pool));
      out.step_ = 0;
    } else {
      out.array_ = datum.make_array();
    }
    return out;
  }
  bool IsNull(int64_t row) const { return array_->IsNull(row * step_); }
  Extent operator[](int64_t row) const {
    row *= step_;
    switch (array_->type_id()) {
      case arrow::Type::MAP:
      case arrow::Type::LIST: {
        const auto& lists = static_cast<const arrow::ListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
      case arrow::Type::LARGE_LIST: {
        const auto& lists = static_cast<const arrow::LargeListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
      default: {
        const auto& lists = static_cast<const arrow::FixedSizeListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
    }
  }
  std::shared_ptr<arrow::Array> values() const {
    switch (array_->type_id()) {
      case arrow::Type::MAP:
      case arrow::Type::LIST:
        return static_cast<const arrow::ListArray&>(*array_).values();
      case arrow::Type::LARGE_LIST:
        return static_cast<const arrow::LargeListArray&>(*array_).values();
      default: return static_cast<const arrow::FixedSizeListArray&>(*array_).values();
    }
  }

 private:
  std::shared_ptr<arrow::Array> array_;
  int64_t step_ = 1;
};

/// The type that holds every one of `types`, or errors::kBadArguments of `name`.
Result<TypePtr> CommonOf(const std::string& name, const Types& types);

/// Some columns as one pool of values, to be taken from by place.
class ValuePool {
 public:
  /// A scalar becomes one value.
  static Result<ValuePool> Make(const Arguments& columns, const TypePtr& type,
                                arrow::MemoryPool* pool);
  /// The place of `row` of column `column`.
  int64_t At(size_t column, int64_t row) const {
    return begins_[column] + row * steps_[column];
  }
  const std::shared_ptr<arrow::Array>& values() const { return values_; }

 private:
  std::shared_ptr<arrow::Array> values_;
  std::vector<int64_t> begins_, steps_;
};

/// `length` values as an offset, or errors::kTextTooLong: lists have offsets of 32 bits.
Result<int32_t> ListOffset(int64_t length);

/// A list, or a map over entries, of `type`: row i has values [offsets[i], offsets[i+1]).
std::shared_ptr<arrow::Array> MakeLists(const TypePtr& type, int64_t rows,
                                        std::shared_ptr<arrow::Buffer> offsets,
                                        std::shared_ptr<arrow::Array> values,
                                        std::shared_ptr<arrow::Buffer> validity = nullptr,
                                        int64_t nulls = 0);

/// Where the value sought first stands in each list: its place in `values`; NULL where it
/// does not occur, or the list or the value sought is NULL. `equal` is the function =.
Result<std::shared_ptr<arrow::Int64Array>> FirstEqual(
    EvalContext& context, const expr::ScalarFunction& equal, const Lists& lists,
    const std::shared_ptr<arrow::Array>& values, const arrow::Datum& sought,
    int64_t rows);

}  // namespace millrace::functions
