// Groups: one hash aggregation: key columns in, results out.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "millrace/operators/aggregate/aggregate_set.h"
#include "millrace/operators/aggregate/changed_groups.h"
#include "millrace/operators/aggregate/group_changes.h"
#include "millrace/operators/aggregate/group_table.h"

namespace millrace::operators {

/// Used by one thread.
///
/// Its state, for snapshots, is a row a group: key columns, then those of
/// AggregateSet::State. It comes back by RestoreRows, the newest rows first, and then
/// EndRestore.
class Groups {
 public:
  static Result<std::unique_ptr<Groups>> Make(
      const std::vector<std::shared_ptr<arrow::DataType>>& key_types,
      const std::vector<plan::AggregateCall>& calls, plan::AggregatePhase phase,
      Evaluation& evaluation, std::shared_ptr<MemoryBudget> memory);

  /// Make room for the groups of `rows` rows with these keys. Where memory has none, the
  /// groups in it stay as they are; some of the new ones may be known, without a state.
  Status Prepare(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows);
  /// Add the rows that Prepare was called for last: of the node's input, or state rows.
  Status Apply(const arrow::RecordBatch& rows, int first_state);
  Status MergeStates(const arrow::RecordBatch& rows, int first_state);
  /// Count all that is held; where the budget has no room, the rows stay added.
  Status Charge() { return aggregates_.Charge(); }
  /// Groups that have states: all but after a Prepare that failed.
  int64_t sized() const { return sized_; }
  /// Key columns of `groups`.
  Result<std::vector<std::shared_ptr<arrow::Array>>> Keys(
      const expr::GroupSelection& groups) {
    return table_.Keys(groups);
  }
  int64_t size() const { return table_.size(); }
  /// Key columns, then aggregate columns, of groups [begin, end).
  Result<std::vector<std::shared_ptr<arrow::Array>>> Columns(int64_t begin, int64_t end);
  void Clear();

  /// Note from now on which groups change.
  void Track() { tracked_ = true; }
  /// Those that did since Settle; everything before the first one.
  const ChangedGroups& changed() const { return changed_; }
  /// All groups are as they were written.
  Status Settle() { return changed_.Settle(size()); }

  /// Keep from now on what is needed to put results out as changes.
  void TrackResults() { results_.emplace(evaluation_->memory()); }
  bool tracks_results() const { return results_.has_value(); }
  /// Where results are tracked: is there any to put out?
  bool HasResults() const { return results_->Any(size()); }
  /// The next of them, see GroupChanges::Next.
  Result<GroupChanges::Piece> NextResults(int64_t rows) {
    return results_->Next(rows, table_, aggregates_);
  }
  /// The results of all groups were put out by somebody before us.
  Status SettleResults() { return results_->Settle(size()); }

  /// State rows of `groups`, plain columns.
  Result<std::vector<std::shared_ptr<arrow::Array>>> State(
      const expr::GroupSelection& groups);
  /// So many groups are to come: make room for them at once.
  Status Expect(int64_t groups);
  /// Take in state rows, of which no two have the same key. Those whose key is there
  /// already are older than what is there, and are passed over.
  Status RestoreRows(const std::shared_ptr<arrow::RecordBatch>& rows,
                     const std::vector<std::shared_ptr<arrow::Array>>& keys,
                     int first_state);
  /// Everything that was restored counts as written.
  Status EndRestore();

 private:
  Groups(GroupTable table, AggregateSet aggregates, Evaluation& evaluation)
      : table_(std::move(table)),
        aggregates_(std::move(aggregates)),
        evaluation_(&evaluation),
        changed_(evaluation.memory()) {}
  Status Mark(int64_t rows);

  GroupTable table_;
  AggregateSet aggregates_;
  Evaluation* evaluation_;
  const uint32_t* ids_ = nullptr;  // of the rows that were prepared
  int64_t sized_ = 0;
  bool tracked_ = false;
  ChangedGroups changed_;
  std::optional<GroupChanges> results_;
  int64_t restored_ = 0;  // groups that were taken in, or passed over
};

}  // namespace millrace::operators
