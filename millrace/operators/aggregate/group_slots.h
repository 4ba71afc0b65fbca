// GroupSlots: all groups that an aggregation holds, in memory and beyond.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "millrace/operators/aggregate/emission.h"
#include "millrace/operators/aggregate/groups_part.h"
#include "millrace/operators/aggregate/spilled_groups.h"

namespace millrace::operators {

/// One Groups for each window that is held apart, by its number; else a single one, under
/// 0. Under pressure the states in memory go to disk and a fresh Groups goes on; when
/// they are put out, what was spilled is merged partition by partition, which is spilled
/// again, finer, where that does not fit.
///
/// In snapshots, groups in memory are rows that replace what was written of their key
/// before (GroupsPart). What was spilled is rows of another part, all of which are to be
/// merged; it is read from the files while the operator goes on. Used by one thread.
class GroupSlots {
 public:
  /// `windows`: null where there are none; outlives this. Those that are not held apart
  /// are the first key, an int64.
  GroupSlots(const plan::AggregateNode& node, bool apart, const WindowBounds* windows,
             const OperatorContext& context, Evaluation& evaluation);

  bool empty() const { return slots_.empty(); }
  /// The earliest window.
  int64_t first() const { return slots_.begin()->first; }
  /// Groups in memory.
  int64_t size() const;
  /// A slot that rows may never be added to.
  Status Ensure(int64_t window);
  /// Add rows of the node's input; answers how many groups came with them.
  Result<int64_t> Add(int64_t window, const arrow::RecordBatch& rows,
                      const std::vector<std::shared_ptr<arrow::Array>>& keys);

  /// Where results change: put out what did of the slot of `window`, or of all, which
  /// stay. Slots that are let go by Emit are put out so as well.
  void EmitChanges(int64_t window);
  void EmitAllChanges();
  /// Calls `visit` with the windows that have a slot, in order.
  template <typename Visit>
  void ForEachWindow(const Visit& visit) const {
    for (const auto& [window, slot] : slots_) visit(window);
  }
  /// Put out the slot of `window`, or all.
  Status Emit(int64_t window);
  Status EmitAll();
  /// The next batch of what is to be put out. `reuse`: groups that are through may be
  /// kept for others.
  Result<OpState> Next(Output& out, bool reuse);
  const Emission& emission() const { return emission_; }

  Status Snapshot(state::OperatorSnapshot& out);
  /// `closed`: is that window to be left out? `put_out`: have its results left before?
  Status Restore(const state::OperatorState& state,
                 const std::function<bool(int64_t window)>& closed,
                 const std::function<bool(int64_t window)>& put_out);

 private:
  using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
  struct Slot {
    std::unique_ptr<Groups> groups;
    std::unique_ptr<SpilledGroups> spilled;
    int level = 0;
    int64_t rows_in_memory = 0;
  };
  struct Drain {
    std::unique_ptr<SpilledGroups> spilled;
    int64_t window;
    int next = 0;
  };
  static constexpr size_t kSpareGroups = 8;

  Result<std::unique_ptr<Groups>> NewGroups();
  std::optional<int64_t> WindowOf(int64_t slot) const;
  bool MaySpill(const Slot& slot) const;
  Status Put(Slot& slot, int64_t window, const arrow::RecordBatch& rows,
             const Arrays& keys, bool states);
  Status Spill(Slot& slot, int64_t window);
  Status Relieve(Slot& slot, int64_t window);
  Status EmitSlot(Slot slot, int64_t window);
  Status LoadPartition();
  Status MergeRows(Slot& slot, int64_t window,
                   const std::shared_ptr<arrow::RecordBatch>& rows);
  Status WriteSpilled(state::OperatorSnapshot& out);
  Status RestoreSpilled(const state::OperatorState& state,
                        const std::function<bool(int64_t window)>& closed);

  const bool apart_;
  const bool tracked_;
  const bool changes_;  // results are put out as changes
  const plan::AggregatePhase phase_;
  const std::vector<plan::AggregateCall> calls_;
  std::vector<std::shared_ptr<arrow::DataType>> key_types_;
  int first_state_ = 0;  // in rows of the node's input
  const std::shared_ptr<MemoryBudget> memory_;
  SpillSpace* spill_;
  Evaluation* const evaluation_;
  GroupsPart part_;
  Emission emission_;
  std::map<int64_t, Slot> slots_;
  std::deque<Drain> drains_;
  std::vector<std::unique_ptr<Groups>> spare_;
  PartHistory spilled_history_;
  bool rewrite_spilled_ = false;
};

}  // namespace millrace::operators
