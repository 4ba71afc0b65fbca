// Which fields of an IPC file or stream are read, and how they become rows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/format.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::arrow_ipc {

/// The part of a file's fields that one reader needs. Immutable.
class Projection {
 public:
  /// `stored` and `columns` of the same file; `columns` outlives the projection.
  Projection(const arrow::Schema& stored, const StoredColumns& columns,
             const Pushdown& pushdown);

  /// Fields of the file to decode, ascending. Never empty unless the file has none: rows
  /// without columns are counted by their cheapest field.
  const std::vector<int>& included() const { return included_; }

  /// `rows`, which hold included(), as the stream has them. Checks everything that a
  /// damaged file could have made wrong. `first_row` is for messages.
  Result<std::shared_ptr<arrow::RecordBatch>> Apply(
      std::shared_ptr<arrow::RecordBatch> rows, int64_t first_row,
      const std::string& file, arrow::MemoryPool* pool) const;

 private:
  const StoredColumns& columns_;
  std::vector<int> wanted_;    // columns of the schema
  std::vector<int> included_;  // fields of the file
  std::vector<int> places_;    // in included_, one a wanted column
};

/// Hands out a large batch in parts that a budget allows.
class Slices {
 public:
  void Begin(std::shared_ptr<arrow::RecordBatch> rows, int64_t bytes);
  bool empty() const { return !rows_; }
  /// Leave out the first `count` rows, all at most; tells how many those were.
  int64_t Skip(int64_t count);
  int64_t row() const { return row_; }  ///< of the batch, of what Next gives
  /// The next part, and in `bytes` its share of the batch's. Not when empty.
  std::shared_ptr<arrow::RecordBatch> Next(const Budget& budget, int64_t* bytes);

 private:
  std::shared_ptr<arrow::RecordBatch> rows_;
  int64_t row_ = 0;
  int64_t row_bytes_ = 1;   // in memory
  int64_t bytes_left_ = 0;  // of the input
};

}  // namespace millrace::formats::arrow_ipc
