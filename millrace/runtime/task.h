// Task: a tree of operators between leaves and a root, driven by one shard.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/timers.h"
#include "millrace/operators/operator.h"
#include "millrace/runtime/checkpoint/report.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/progress.h"

namespace millrace::runtime {

enum class TaskState {
  kReady,    ///< more to do: run again
  kBlocked,  ///< waits for the waker
  kDone,     ///< finished
};

/// Built by the pipeline, then used by one shard only. Everything the task reaches
/// (operators, reader, writer, ring ends) is touched by that shard alone, so the data
/// path has no lock.
class Task {
 public:
  /// `checkpoint`: the task's own, outlives it. `stats`: of the plan node that the root
  /// stands for, or null.
  Task(std::unique_ptr<EventSink> root, TaskCheckpoint* checkpoint, const Clock* clock,
       Timers* timers, std::shared_ptr<NodeStats> stats = nullptr);

  /// Add an operator whose output goes to `parent`'s input `port`; parent −1 is the root.
  /// Parents are added before their children, so that a lower number is further
  /// downstream. `ordinal`: of a stateful operator in the pipeline, or −1; `restored`:
  /// what it takes up before the first event, or null. Answers its number.
  int AddOperator(std::unique_ptr<operators::Operator> op, int parent, int port,
                  std::shared_ptr<NodeStats> stats, int ordinal = -1,
                  std::unique_ptr<state::OperatorState> restored = nullptr);
  /// Add a leaf that feeds `parent`'s input `port`; parent −1 is the root.
  void AddLeaf(std::unique_ptr<EventSource> leaf, int parent, int port,
               std::shared_ptr<NodeStats> stats);

  /// Work downstream first, until `pulls` events have been taken from leaves, or nothing
  /// can be done now.
  Result<TaskState> Run(const Budget& budget, int pulls, const Waker& waker);
  /// The task will not run again: tell its checkpoint.
  void End();

 private:
  struct Slot {
    std::unique_ptr<operators::Operator> op;
    int parent;
    int port;
    std::shared_ptr<NodeStats> stats;
    int ordinal;
    std::unique_ptr<state::OperatorState> restored;
    std::deque<operators::Input> inbox;
    bool has_output = false;
    int64_t due_nanos = operators::Operator::kNeverDue;
    bool done = false;
  };
  struct Leaf {
    std::unique_ptr<EventSource> source;
    int parent;
    int port;
    std::shared_ptr<NodeStats> stats;
  };

  void Deliver(operators::Event event, int parent, int port);
  Status RunSlot(Slot& slot, const Budget& budget);
  Status Restore();
  Status Snapshot(Slot& slot);
  void OnBarrierSent();
  Slot* NextWork();
  void WakeWhenDue(const Waker& waker);
  bool Wanted(const Leaf& leaf) const;
  void CloseLeavesUnder(int done_slot);

  std::unique_ptr<EventSink> root_;
  TaskCheckpoint* const checkpoint_;
  const Clock* clock_;
  Timers* const timers_;
  bool restored_ = false;
  const std::shared_ptr<NodeStats> root_stats_;
  std::vector<Slot> slots_;
  std::vector<Leaf> leaves_;
  std::deque<operators::Event> outbox_;
  size_t next_leaf_ = 0;
  int64_t wakes_at_ = operators::Operator::kNeverDue;  // of the timer that is set
  bool ended_ = false;
};

}  // namespace millrace::runtime
