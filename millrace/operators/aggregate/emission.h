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
#include "millrace/operators/window/slicing.h"

namespace millrace::operators {

/// A batch of finished columns of `schema`; one that is a dictionary of its field's type
/// stays so.
data::Batch FinishedBatch(const arrow::Schema& schema,
                          std::vector<std::shared_ptr<arrow::Array>> columns,
                          int64_t rows);

/// Groups that wait to be put out, a batch at each call, so that a million groups don't
/// become one batch. Used by one thread.
class Emission {
 public:
  /// `windows`: null where there are none; outlives this.
  Emission(std::shared_ptr<arrow::Schema> schema, const WindowBounds* windows,
           int64_t batch_rows, arrow::MemoryPool* pool)
      : schema_(std::move(schema)),
        windows_(windows),
        batch_rows_(batch_rows),
        pool_(pool) {}

  /// Put out all of `groups`. `window`: they belong to this one; absent: their first key
  /// column is their window, or there are none.
  void Add(std::unique_ptr<Groups> groups, std::optional<int64_t> window);
  /// Put out what changed of `groups`, which track their results and stay where they are:
  /// no rows may be added to them until all is out.
  void AddChanges(Groups* groups, std::optional<int64_t> window);
  bool empty() const { return waiting_.empty(); }
  const arrow::Schema& schema() const { return *schema_; }
  /// Put the next batch into `out`. Groups that are through, and not somebody else's,
  /// come back for reuse, else null.
  Result<std::unique_ptr<Groups>> Next(Output& out);

 private:
  struct Waiting {
    std::unique_ptr<Groups> groups;  // null: somebody else's
    Groups* changes;                 // null: all groups are put out once
    std::optional<int64_t> window;
    int64_t next = 0;
  };
  Status PutWhole(Waiting& waiting, Output& out);
  Status PutChanges(Waiting& waiting, Output& out);
  Result<data::Batch> Finished(std::vector<std::shared_ptr<arrow::Array>> columns,
                               std::optional<int64_t> window, int64_t rows) const;
  Result<std::shared_ptr<arrow::Array>> Times(int64_t value, int64_t rows) const;

  const std::shared_ptr<arrow::Schema> schema_;
  const WindowBounds* const windows_;
  const int64_t batch_rows_;
  arrow::MemoryPool* const pool_;
  std::deque<Waiting> waiting_;
};

}  // namespace millrace::operators
