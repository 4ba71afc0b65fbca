#include "millrace/operators/window/runs.h"

#include <numeric>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

namespace millrace::operators {

Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(
    const std::shared_ptr<arrow::RecordBatch>& rows, std::span<const SlotRun> runs,
    Evaluation& evaluation) {
  if (runs.size() == 1) {
    const SlotRun& run = runs.front();
    if (run.begin == 0 && run.end == rows->num_rows()) return rows;
    return rows->Slice(run.begin, run.end - run.begin);
  }
  int64_t count = 0;
  for (const SlotRun& run : runs) count += run.end - run.begin;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> chosen,
                        arrow::AllocateBuffer(count * 4, evaluation.pool()));
  auto* out = reinterpret_cast<int32_t*>(chosen->mutable_data());
  for (const SlotRun& run : runs) {
    std::iota(out, out + (run.end - run.begin), static_cast<int32_t>(run.begin));
    out += run.end - run.begin;
  }
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum taken,
      arrow::compute::Take(rows, arrow::Int32Array(count, std::move(chosen)),
                           arrow::compute::TakeOptions::NoBoundsCheck(),
                           evaluation.arrow()));
  return taken.record_batch();
}

}  // namespace millrace::operators
