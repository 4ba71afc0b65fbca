// WaitingRows: rows that the watermark has not passed yet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/spill/spill_space.h"

namespace millrace::operators {

/// Rows by arrival, each with a time. Batches lie in memory, or in a file once memory is
/// pressed. Used by one thread.
class WaitingRows {
 public:
  /// `schema`: of the rows, without dictionaries. `spill` may be null.
  WaitingRows(std::shared_ptr<arrow::Schema> schema, SpillSpace* spill,
              Evaluation& evaluation)
      : schema_(std::move(schema)), spill_(spill), evaluation_(&evaluation) {}

  /// `times`: int64 values without NULLs, one a row.
  Status Add(std::shared_ptr<arrow::RecordBatch> rows,
             const std::shared_ptr<arrow::Array>& times);
  /// Rows up to `time`, by arrival; `times_of` finds the times of a batch that was added.
  using TimesOf =
      std::function<Result<std::shared_ptr<arrow::Array>>(const arrow::RecordBatch&)>;
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Take(int64_t time,
                                                                const TimesOf& times_of);
  /// Visit all rows, by arrival.
  Status Each(const std::function<Status(const std::shared_ptr<arrow::RecordBatch>&)>&
                  visit) const;
  int64_t rows() const { return rows_; }

 private:
  struct Item {
    std::shared_ptr<arrow::RecordBatch> rows;  // null: in the file
    SpilledBatch spilled;
    int64_t first = 0, last = 0;  // times
  };
  Status SpillAll();
  Result<std::shared_ptr<arrow::RecordBatch>> Load(const Item& item) const;

  const std::shared_ptr<arrow::Schema> schema_;
  SpillSpace* const spill_;
  Evaluation* const evaluation_;
  std::vector<Item> items_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;  // in memory
};

}  // namespace millrace::operators
