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
#include "millrace/operators/window/slicing.h"

namespace millrace::operators {

/// A row a group: the number of its window where there are windows, the key columns, the
/// partial states. That is the same for an aggregation in one piece and for the second
/// half of one in two, so that either restores what the other left. Used by one thread.
class GroupsPart {
 public:
  /// For groups of `node`, whose state columns are `state_types`. `windows`: null where
  /// there are none; outlives this.
  GroupsPart(const plan::AggregateNode& node, std::vector<expr::TypePtr> state_types,
             const WindowBounds* windows, Evaluation& evaluation, SpillSpace* spill);

  /// Groups that are held together; `window` is set where they belong to one and don't
  /// have it among their keys.
  struct Held {
    std::optional<int64_t> window;
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

  /// Where the groups of a window go whose rows bring its number, null: nowhere.
  using GroupsOf = std::function<Result<Groups*>(int64_t window)>;
  /// For groups that have no window, or it among their keys. Asks `groups` for
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

  Result<std::shared_ptr<arrow::Array>> KeyGroups(const Arrays& columns, int64_t rows);
  Result<Rows> RowsOf(const Held& held, const expr::GroupSelection& chosen);
  Status Restore(const state::OperatorState& state, const Split& split);

  Evaluation* const evaluation_;
  SpillSpace* const spill_;
  const WindowBounds* const windows_;
  const expr::TypePtr time_type_;  // of the windows' bounds
  const bool hash_windows_;        // decides their start over the key group, too?
  int first_state_ = 0;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> spilled_schema_;
  PartHistory history_;
  bool rewrite_ = false;
};

}  // namespace millrace::operators
