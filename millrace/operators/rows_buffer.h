// RowsBuffer: batches that an operator has to hold until their end.
#pragma once

#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::operators {

/// Collects batches of one schema and gives them back as one. Used by one thread.
class RowsBuffer {
 public:
  RowsBuffer(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : schema_(std::move(schema)), pool_(pool) {}

  void Add(std::shared_ptr<arrow::RecordBatch> rows);
  int64_t rows() const { return rows_; }
  /// Bytes of the buffers that the rows reference.
  int64_t bytes() const { return bytes_; }
  /// What was added behind the first `row` rows, in order, dictionaries decoded.
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> From(int64_t row) const;
  /// Everything added, in order, dictionaries decoded; the buffer is empty then.
  Result<std::shared_ptr<arrow::RecordBatch>> Take();

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace millrace::operators
