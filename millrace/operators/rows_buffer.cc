#include "millrace/operators/rows_buffer.h"

#include <arrow/record_batch.h>

#include "millrace/data/dictionary.h"

namespace millrace::operators {

void RowsBuffer::Add(std::shared_ptr<arrow::RecordBatch> rows) {
  rows_ += rows->num_rows();
  if (rows->num_rows() > 0) batches_.push_back(std::move(rows));
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> RowsBuffer::From(
    int64_t row) const {
  std::vector<std::shared_ptr<arrow::RecordBatch>> out;
  for (const auto& batch : batches_) {
    if (row >= batch->num_rows()) {
      row -= batch->num_rows();
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto plain, data::DecodedTo(batch->Slice(row), schema_, pool_));
    out.push_back(std::move(plain));
    row = 0;
  }
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsBuffer::Take() {
  for (auto& batch : batches_) {
    ARROW_ASSIGN_OR_RAISE(batch, data::DecodedTo(batch, schema_, pool_));
  }
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches = std::move(batches_);
  batches_.clear();
  rows_ = 0;
  if (batches.empty()) return arrow::RecordBatch::MakeEmpty(schema_, pool_);
  if (batches.size() == 1) return batches.front();
  return arrow::ConcatenateRecordBatches(batches, pool_);
}

}  // namespace millrace::operators
