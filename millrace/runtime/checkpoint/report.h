// What a task leaves at a barrier, and how it gets to the coordinator.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connector/source.h"
#include "millrace/state/operator_state.h"

namespace millrace::runtime {

/// How far one task has read one scan.
struct ScanProgress {
  int scan = 0;                                   ///< ordinal of the scan in the pipeline
  std::vector<SplitId> finished;                  ///< since the task's last barrier
  std::vector<connector::SplitState> unfinished;  ///< that the task is reading
};

/// Everything of one task and one epoch.
struct TaskReport {
  int task = 0;  ///< ordinal of the task in the pipeline
  Epoch epoch{0};
  bool ended = false;  ///< the task has ended: it reports no more
  /// By ordinal of the operator in the pipeline.
  std::vector<std::pair<int, state::OperatorSnapshot>> operators;
  std::vector<ScanProgress> scans;
  std::vector<Future<connector::CommitToken>> tokens;
};

/// Takes the reports of all tasks. Thread-safe.
class TaskReports {
 public:
  virtual ~TaskReports() = default;
  virtual void Take(TaskReport report) = 0;
};

/// Collects one task's report while a barrier walks through it. Owned by the pipeline,
/// used by the task's shard.
class TaskCheckpoint {
 public:
  /// `task` in the pipeline; `ordinal` of `count` tasks in its stage. `next`: the epoch
  /// under way.
  TaskCheckpoint(int task, int ordinal, int count, Epoch next, TaskReports* reports)
      : task_(task), ordinal_(ordinal), count_(count), reports_(reports) {
    report_.task = task;
    report_.epoch = next;
  }

  /// The epoch that the task's next rows belong to, as long as its root is asked.
  Epoch epoch() const { return report_.epoch; }

  /// The first snapshot must not build on what an earlier run wrote.
  void WriteWhole() { whole_ = true; }
  state::OperatorSnapshot NewSnapshot() const {
    return state::OperatorSnapshot(ordinal_, count_, whole_);
  }
  void Add(int op, state::OperatorSnapshot snapshot) {
    report_.operators.emplace_back(op, std::move(snapshot));
  }
  void Add(ScanProgress progress) { report_.scans.push_back(std::move(progress)); }
  void Add(Future<connector::CommitToken> token) {
    report_.tokens.push_back(std::move(token));
  }

  /// The barrier of the epoch under way has left the task.
  void Complete() { Hand(false); }
  /// The task has ended, whether or not End has passed through it.
  void End() { Hand(true); }

 private:
  void Hand(bool ended) {
    const Epoch next{report_.epoch.value + 1};
    report_.ended = ended;
    TaskReport report = std::exchange(report_, TaskReport{});
    report_.task = task_;
    report_.epoch = next;
    whole_ = false;
    reports_->Take(std::move(report));
  }

  const int task_;
  const int ordinal_;
  const int count_;
  bool whole_ = false;
  TaskReports* const reports_;
  TaskReport report_;
};

}  // namespace millrace::runtime
