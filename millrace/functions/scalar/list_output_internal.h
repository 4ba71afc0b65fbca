// Making a column of lists.
#pragma once

#include <memory>
#include <utility>

#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/lists_internal.h"

namespace millrace::functions {

/// Collects places of values for one list after the other.
class ListOutput {
 public:
  ListOutput(arrow::MemoryPool* pool, int64_t rows)
      : places_(pool), offsets_(pool), validity_(pool), rows_(rows) {}

  /// Before anything else.
  Status Begin() {
    ARROW_RETURN_NOT_OK(offsets_.Reserve(rows_ + 1));
    ARROW_RETURN_NOT_OK(validity_.Reserve(rows_));
    offsets_.UnsafeAppend(0);
    return Status::OK();
  }
  /// One value more for the row.
  Status Append(int64_t place) { return places_.Append(place); }
  /// A run of them, whose values lie `offset` behind where it says.
  Status AppendRun(Extent run, int64_t offset) {
    ARROW_RETURN_NOT_OK(places_.Reserve(run.length));
    for (int64_t i = 0; i < run.length; ++i) {
      places_.UnsafeAppend(offset + run.begin + i);
    }
    return Status::OK();
  }
  Status EndRow(bool valid) {
    ARROW_ASSIGN_OR_RAISE(const int32_t offset, ListOffset(places_.length()));
    offsets_.UnsafeAppend(offset);
    validity_.UnsafeAppend(valid);
    return Status::OK();
  }
  /// The lists, over values at the places of `values`.
  Result<arrow::Datum> Finish(EvalContext& context,
                              const std::shared_ptr<arrow::Array>& values,
                              const TypePtr& type, bool scalar) {
    ARROW_ASSIGN_OR_RAISE(auto places, places_.Finish());
    ARROW_ASSIGN_OR_RAISE(auto offsets, offsets_.Finish());
    const int64_t nulls = validity_.false_count();
    ARROW_ASSIGN_OR_RAISE(auto validity, validity_.Finish());
    ARROW_ASSIGN_OR_RAISE(arrow::Datum taken,
                          CallArrow(context, "take", {values, places}));
    return Retyped(MakeLists(type, rows_, std::move(offsets), taken.make_array(),
                             std::move(validity), nulls),
                   type, scalar);
  }

 private:
  arrow::Int64Builder places_;
  arrow::TypedBufferBuilder<int32_t> offsets_;
  arrow::TypedBufferBuilder<bool> validity_;
  int64_t rows_;
};

}  // namespace millrace::functions
