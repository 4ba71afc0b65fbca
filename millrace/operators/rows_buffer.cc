#include "millrace/operators/rows_buffer.h"

#include <utility>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include "millrace/data/dictionary.h"

namespace millrace::operators {

void RowsBuffer::Add(std::shared_ptr<arrow::RecordBatch> rows) {
  rows_ += rows->num_rows();
  bytes_ += arrow::util::TotalBufferSize(*rows);
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
  const int64_t rows = std::exchange(rows_, 0);
  bytes_ = 0;
  if (batches.empty()) return arrow::RecordBatch::MakeEmpty(schema_, pool_);
  if (batches.size() == 1) return batches.front();
  // Column by column, each let go once it is joined: so all rows lie in memory twice only
  // where somebody else holds on to them.
  std::vector<arrow::ArrayVector> columns(static_cast<size_t>(schema_->num_fields()));
  for (auto& batch : batches) {
    for (size_t i = 0; i < columns.size(); ++i)
      columns[i].push_back(batch->column(static_cast<int>(i)));
    batch.reset();
  }
  arrow::ArrayVector joined;
  for (arrow::ArrayVector& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto whole, arrow::Concatenate(column, pool_));
    joined.push_back(std::move(whole));
    column = {};
  }
  return arrow::RecordBatch::Make(schema_, rows, std::move(joined));
}

}  // namespace millrace::operators
