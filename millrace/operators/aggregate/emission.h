// Emission: the results of finished groups, batch by batch.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/aggregate/groups.h"
#include "millrace/operators/operator.h"

namespace millrace::operators {

/// Groups that wait to be put out, a batch at each call, so that a million groups don't
/// become one batch. Used by one thread.
class Emission {
 public:
  Emission(std::shared_ptr<arrow::Schema> schema, int64_t batch_rows,
           arrow::MemoryPool* pool)
      : schema_(std::move(schema)), batch_rows_(batch_rows), pool_(pool) {}

  /// Put out all of `groups`. `window_start`: they belong to this one window; absent:
  /// their first key column is the start, or they have no window at all (`window_size`
  /// 0).
  void Add(std::unique_ptr<Groups> groups, std::optional<int64_t> window_start,
           int64_t window_size);
  bool empty() const { return waiting_.empty(); }
  /// A batch of finished columns; one that is a dictionary of its field's type stays so.
  data::Batch MakeBatch(std::vector<std::shared_ptr<arrow::Array>> columns,
                        int64_t rows) const;
  /// `starts` moved by `window_size`.
  Result<std::shared_ptr<arrow::Array>> Ends(const arrow::Array& starts,
                                             int64_t window_size) const;
  /// Put the next batch into `out`. Groups that are through come back for reuse, else
  /// null.
  Result<std::unique_ptr<Groups>> Next(Output& out);

 private:
  struct Waiting {
    std::unique_ptr<Groups> groups;
    std::optional<int64_t> window_start;
    int64_t window_size;
    int64_t next = 0;
  };
  Result<std::shared_ptr<arrow::Array>> Times(int64_t value, int64_t rows) const;

  const std::shared_ptr<arrow::Schema> schema_;
  const int64_t batch_rows_;
  arrow::MemoryPool* const pool_;
  std::deque<Waiting> waiting_;
};

}  // namespace millrace::operators
