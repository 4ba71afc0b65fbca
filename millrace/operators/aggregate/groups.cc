#include "millrace/operators/aggregate/groups.h"

#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

#include "millrace/data/dictionary.h"

namespace millrace::operators {

Result<std::unique_ptr<Groups>> Groups::Make(
    const std::vector<std::shared_ptr<arrow::DataType>>& key_types,
    const std::vector<plan::AggregateCall>& calls, plan::AggregatePhase phase,
    Evaluation& evaluation, std::shared_ptr<MemoryBudget> memory) {
  ARROW_ASSIGN_OR_RAISE(GroupTable table, GroupTable::Make(key_types, std::move(memory)));
  ARROW_ASSIGN_OR_RAISE(AggregateSet aggregates,
                        AggregateSet::Make(calls, phase, evaluation));
  ARROW_RETURN_NOT_OK(aggregates.Resize(key_types.empty() ? 1 : 0));
  return std::unique_ptr<Groups>(
      new Groups(std::move(table), std::move(aggregates), evaluation));
}

Status Groups::Prepare(const std::vector<std::shared_ptr<arrow::Array>>& keys,
                       int64_t rows) {
  ARROW_ASSIGN_OR_RAISE(ids_, table_.Map(keys, rows));
  ARROW_RETURN_NOT_OK(aggregates_.Resize(table_.size()));
  sized_ = table_.size();
  return Status::OK();
}

// The groups of the rows that were prepared are about to change.
Status Groups::Mark(int64_t rows) {
  if (tracked_) changed_.Mark(ids_, rows);
  return results_ ? results_->Before(ids_, rows, aggregates_) : Status::OK();
}

Status Groups::Apply(const arrow::RecordBatch& rows, int first_state) {
  ARROW_RETURN_NOT_OK(Mark(rows.num_rows()));
  return aggregates_.Update(rows, ids_, first_state);
}

Status Groups::MergeStates(const arrow::RecordBatch& rows, int first_state) {
  ARROW_RETURN_NOT_OK(Mark(rows.num_rows()));
  return aggregates_.Merge(rows, ids_, first_state);
}

Result<std::vector<std::shared_ptr<arrow::Array>>> Groups::Columns(int64_t begin,
                                                                   int64_t end) {
  // Without keys there is a group even when no row was added.
  ARROW_RETURN_NOT_OK(aggregates_.Resize(table_.size()));
  ARROW_ASSIGN_OR_RAISE(auto columns, table_.Keys({begin, end}));
  ARROW_ASSIGN_OR_RAISE(auto results, aggregates_.Finish(begin, end));
  columns.insert(columns.end(), results.begin(), results.end());
  return columns;
}

void Groups::Clear() {
  table_.Clear();
  aggregates_.Clear();
  changed_.Clear();
  if (results_) results_->Clear();
  sized_ = 0;
}

Result<std::vector<std::shared_ptr<arrow::Array>>> Groups::State(
    const expr::GroupSelection& groups) {
  ARROW_ASSIGN_OR_RAISE(auto columns, table_.Keys(groups));
  for (auto& column : columns) {
    ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation_->pool()));
  }
  ARROW_ASSIGN_OR_RAISE(auto states, aggregates_.State(groups));
  columns.insert(columns.end(), states.begin(), states.end());
  return columns;
}

Status Groups::Expect(int64_t groups) {
  table_.Expect(groups);
  return aggregates_.Resize(groups);
}

Status Groups::RestoreRows(const std::shared_ptr<arrow::RecordBatch>& rows,
                           const std::vector<std::shared_ptr<arrow::Array>>& keys,
                           int first_state) {
  const int64_t known = restored_;
  ARROW_ASSIGN_OR_RAISE(const uint32_t* ids, table_.Map(keys, rows->num_rows()));
  restored_ = table_.size();
  ARROW_RETURN_NOT_OK(aggregates_.Resize(restored_));
  if (restored_ - known == rows->num_rows())
    return aggregates_.Merge(*rows, ids, first_state);
  if (restored_ == known) return Status::OK();
  arrow::Int32Builder chosen(evaluation_->pool());
  ARROW_RETURN_NOT_OK(chosen.Reserve(restored_ - known));
  std::vector<uint32_t> chosen_ids;
  chosen_ids.reserve(static_cast<size_t>(restored_ - known));
  for (int64_t i = 0; i < rows->num_rows(); ++i) {
    if (ids[i] < known) continue;
    chosen.UnsafeAppend(static_cast<int32_t>(i));
    chosen_ids.push_back(ids[i]);
  }
  ARROW_ASSIGN_OR_RAISE(auto indices, chosen.Finish());
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum taken,
      arrow::compute::Take(rows, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                           evaluation_->arrow()));
  return aggregates_.Merge(*taken.record_batch(), chosen_ids.data(), first_state);
}

Status Groups::EndRestore() {
  restored_ = 0;
  sized_ = size();
  ARROW_RETURN_NOT_OK(aggregates_.Resize(sized_));
  ARROW_RETURN_NOT_OK(Charge());
  return Settle();
}

}  // namespace millrace::operators
