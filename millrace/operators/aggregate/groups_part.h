// GroupsPart: the groups of an aggregation in snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "millrace/operators/aggregate/groups.h"
#include "millrace/operators/aggregate/spilled_groups.h"
#include "millrace/operators/state_rows.h"

namespace millrace::operators {

/// A row a group: the start of its window where there are windows, the key columns, the
/// partial states. That is the same for an aggregation in one piece and for the second
/// half of one in two, so that either restores what the other left. Used by one thread.
class GroupsPart {
 public:
  /// For groups of `node`, whose state columns are `state_types`.
  GroupsPart(const plan::AggregateNode& node, std::vector<expr::TypePtr> state_types,
             Evaluation& evaluation, SpillSpace* spill);

  /// Groups that are held together; `start` is set where they belong to one window and
  /// don't have it among their keys.
  struct Held {
    std::optional<int64_t> start;
    Groups* groups;
  };
  /// Write what changed of all that the operator holds in memory.
  Status Write(const std::vector<Held>& held, state::OperatorSnapshot& out);

  /// What was written no longer holds: the next time everything is.
  void Rewrite() { rewrite_ = true; }

  /// Rows as they are spilled: as they are written, with the key group first.
  const std::shared_ptr<arrow::Schema>& spilled_schema() const { return spilled_schema_; }
  int first_state() const { return first_state_; }
  /// Put the states of all groups into `to`.
  Status Spill(const Held& held, SpilledGroups& to);

  /// Where the groups of a window go whose rows bring its start, null: nowhere.
  using GroupsOf = std::function<Result<Groups*>(int64_t start)>;
  /// For groups that have no window, or its start among their keys. Asks `groups` for
  /// them only if there are any rows.
  Status RestoreTogether(const state::OperatorState& state,
                         const std::function<Result<Groups*>()>& groups);
  /// For windows that are held apart.
  Status RestoreApart(const state::OperatorState& state, const GroupsOf& groups_of);

 private:
  using Rows = std::shared_ptr<arrow::RecordBatch>;
  using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
  // Rows of one Groups and where they belong.
  using Use = std::function<Status(Groups& groups, const Rows& rows, const Arrays& keys)>;
  using Split = std::function<Status(const Rows& rows, const Use& use)>;

  Result<Rows> RowsOf(const Held& held, const expr::GroupSelection& chosen);
  Status Restore(const state::OperatorState& state, const Split& split);

  Evaluation* const evaluation_;
  SpillSpace* const spill_;
  const bool windows_;
  size_t hash_begin_ = 0;  // columns that decide the key group
  size_t hash_end_ = 0;
  int first_state_ = 0;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> spilled_schema_;
  PartHistory history_;
  bool rewrite_ = false;
};

}  // namespace millrace::operators
