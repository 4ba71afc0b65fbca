#include <limits>

#include <arrow/array/concatenate.h>

#include "millrace/expr/errors.h"
#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/lists_internal.h"

namespace millrace::functions {

Result<TypePtr> CommonOf(const std::string& name, const Types& types) {
  TypePtr common = arrow::null();
  for (const TypePtr& type : types) {
    common = expr::CommonType(common, type);
    if (common == nullptr) {
      return BadArguments(name, types, "the values have no common type");
    }
  }
  return common;
}

Result<ValuePool> ValuePool::Make(const Arguments& columns, const TypePtr& type,
                                  arrow::MemoryPool* pool) {
  ValuePool out;
  arrow::ArrayVector parts;
  int64_t size = 0;
  for (const arrow::Datum& column : columns) {
    std::shared_ptr<arrow::Array> part;
    if (column.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(part, arrow::MakeArrayFromScalar(*column.scalar(), 1, pool));
    } else {
      part = column.make_array();
    }
    out.begins_.push_back(size);
    out.steps_.push_back(column.is_scalar() ? 0 : 1);
    size += part->length();
    parts.push_back(std::move(part));
  }
  if (parts.empty()) {
    ARROW_ASSIGN_OR_RAISE(out.values_, arrow::MakeEmptyArray(type, pool));
  } else {
    ARROW_ASSIGN_OR_RAISE(out.values_, arrow::Concatenate(parts, pool));
  }
  return out;
}

Result<int32_t> ListOffset(int64_t length) {
  if (length > std::numeric_limits<int32_t>::max()) {
    return errors::kTextTooLong.Make({}, "the arrays of a batch hold {} values", length);
  }
  return static_cast<int32_t>(length);
}

std::shared_ptr<arrow::Array> MakeLists(const TypePtr& type, int64_t rows,
                                        std::shared_ptr<arrow::Buffer> offsets,
                                        std::shared_ptr<arrow::Array> values,
                                        std::shared_ptr<arrow::Buffer> validity,
                                        int64_t nulls) {
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, rows, {std::move(validity), std::move(offsets)}, {values->data()}, nulls));
}

Result<std::shared_ptr<arrow::Int64Array>> FirstEqual(
    EvalContext& context, const expr::ScalarFunction& equal, const Lists& lists,
    const std::shared_ptr<arrow::Array>& values, const arrow::Datum& sought,
    int64_t rows) {
  // Every value beside the one sought in its row, compared in one go.
  arrow::Int64Builder places(context.pool), parents(context.pool);
  for (int64_t row = 0; row < rows; ++row) {
    if (lists.IsNull(row)) continue;
    const Extent extent = lists[row];
    ARROW_RETURN_NOT_OK(places.Reserve(extent.length));
    ARROW_RETURN_NOT_OK(parents.Reserve(extent.length));
    for (int64_t i = 0; i < extent.length; ++i) {
      places.UnsafeAppend(extent.begin + i);
      parents.UnsafeAppend(row);
    }
  }
  std::shared_ptr<arrow::Int64Array> at, of;
  ARROW_RETURN_NOT_OK(places.Finish(&at));
  ARROW_RETURN_NOT_OK(parents.Finish(&of));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum left, CallArrow(context, "take", {values, at}));
  arrow::Datum right = sought;
  if (sought.is_array()) {
    ARROW_ASSIGN_OR_RAISE(right, CallArrow(context, "take", {sought, of}));
  }
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum same,
      equal.evaluate(context, {left, right}, at->length(), arrow::boolean()));
  const auto truths = same.array_as<arrow::BooleanArray>();
  arrow::Int64Builder out(context.pool);
  ARROW_RETURN_NOT_OK(out.Reserve(rows));
  int64_t next = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t found = -1;
    for (; next < at->length() && of->Value(next) == row; ++next) {
      if (found < 0 && truths->IsValid(next) && truths->Value(next)) {
        found = at->Value(next);
      }
    }
    if (found < 0) {
      out.UnsafeAppendNull();
    } else {
      out.UnsafeAppend(found);
    }
  }
  std::shared_ptr<arrow::Int64Array> result;
  ARROW_RETURN_NOT_OK(out.Finish(&result));
  return result;
}

}  // namespace millrace::functions
