#include "millrace/operators/aggregate/groups.h"

#include <arrow/record_batch.h>

namespace millrace::operators {

Result<std::unique_ptr<Groups>> Groups::Make(
    const std::vector<std::shared_ptr<arrow::DataType>>& key_types,
    const std::vector<plan::AggregateCall>& calls, plan::AggregatePhase phase,
    Evaluation& evaluation, std::shared_ptr<MemoryBudget> memory) {
  ARROW_ASSIGN_OR_RAISE(GroupTable table, GroupTable::Make(key_types, std::move(memory)));
  ARROW_ASSIGN_OR_RAISE(AggregateSet aggregates,
                        AggregateSet::Make(calls, phase, evaluation));
  ARROW_RETURN_NOT_OK(aggregates.Resize(key_types.empty() ? 1 : 0));
  return std::unique_ptr<Groups>(new Groups(std::move(table), std::move(aggregates)));
}

Status Groups::Add(const arrow::RecordBatch& rows,
                   const std::vector<std::shared_ptr<arrow::Array>>& keys,
                   int first_state) {
  ARROW_ASSIGN_OR_RAISE(const uint32_t* ids, table_.Map(keys, rows.num_rows()));
  ARROW_RETURN_NOT_OK(aggregates_.Resize(table_.size()));
  return aggregates_.Update(rows, ids, first_state);
}

Result<std::vector<std::shared_ptr<arrow::Array>>> Groups::Columns(int64_t begin,
                                                                   int64_t end) {
  // Without keys there is a group even when no row was added.
  ARROW_RETURN_NOT_OK(aggregates_.Resize(table_.size()));
  ARROW_ASSIGN_OR_RAISE(auto columns, table_.Keys(begin, end));
  ARROW_ASSIGN_OR_RAISE(auto results, aggregates_.Finish(begin, end));
  columns.insert(columns.end(), results.begin(), results.end());
  return columns;
}

void Groups::Clear() {
  table_.Clear();
  aggregates_.Clear();
}

}  // namespace millrace::operators
