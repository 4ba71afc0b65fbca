// Groups: one hash aggregation: key columns in, results out.
#pragma once

#include <memory>
#include <vector>

#include "millrace/operators/aggregate/aggregate_set.h"
#include "millrace/operators/aggregate/group_table.h"

namespace millrace::operators {

/// Used by one thread.
class Groups {
 public:
  static Result<std::unique_ptr<Groups>> Make(
      const std::vector<std::shared_ptr<arrow::DataType>>& key_types,
      const std::vector<plan::AggregateCall>& calls, plan::AggregatePhase phase,
      Evaluation& evaluation, std::shared_ptr<MemoryBudget> memory);

  /// Add rows; `keys` are their key columns.
  Status Add(const arrow::RecordBatch& rows,
             const std::vector<std::shared_ptr<arrow::Array>>& keys, int first_state);
  int64_t size() const { return table_.size(); }
  /// Key columns, then aggregate columns, of groups [begin, end).
  Result<std::vector<std::shared_ptr<arrow::Array>>> Columns(int64_t begin, int64_t end);
  void Clear();

 private:
  Groups(GroupTable table, AggregateSet aggregates)
      : table_(std::move(table)), aggregates_(std::move(aggregates)) {}
  GroupTable table_;
  AggregateSet aggregates_;
};

}  // namespace millrace::operators
