// Pipeline: one plan being run.
//
// Life: Make cuts the plan into tasks, Start hands them to the scheduler's shards, Finish
// waits for their end and commits or leaves nothing. Make, Start and Finish are called by
// one thread, the coordinating one; Cancel, progress and status by any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/memory_budget.h"
#include "millrace/connector/sink.h"
#include "millrace/connector/source.h"
#include "millrace/plan/node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"
#include "millrace/runtime/checkpoint/coordinator.h"
#include "millrace/runtime/late_letters.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/scan.h"
#include "millrace/runtime/scheduler.h"
#include "millrace/runtime/write.h"

namespace millrace::runtime {

/// How a pipeline reaches the outside: the engine makes connectors from tables, the
/// runtime knows their interfaces only.
struct Connectors {
  /// The source that a scan reads. Owned by the caller, outlives the pipeline; asked once
  /// a scan.
  std::function<Result<connector::Source*>(const plan::ScanNode& scan)> source;
  /// The sink that a write fills.
  std::function<Result<connector::Sink*>(const plan::WriteNode& write)> sink;
};

struct PipelineOptions {
  std::string name = "pipeline";
  /// Tasks of a stage that may have several; at most the scheduler's shards.
  int parallelism = 1;
  /// Bytes on the way in one ring of an exchange.
  int64_t exchange_credit = 4 * 1024 * 1024;
  /// The same where a gather keeps the order of splits: a task that is ahead should have
  /// room for its whole split, or the tasks would read one after another.
  int64_t ordered_credit = 24 * 1024 * 1024;
  int64_t batch_rows = 64 * 1024;
  CheckpointOptions checkpoints;
};

/// What a pipeline uses of the process; outlives it.
struct PipelineContext {
  Scheduler* scheduler = nullptr;
  const Clock* clock = nullptr;
  Executor* executor = nullptr;
  Timers* timers = nullptr;
  std::shared_ptr<MemoryBudget> memory;
  DeadLetterOffice* dead_letters = nullptr;
  operators::SpillSpace* spill = nullptr;  ///< null: what memory has no room for fails
};

class Pipeline {
 public:
  /// `plan` must be rooted in a WriteNode and already be cut by plan::Parallelize for
  /// `options.parallelism`.
  static Result<std::unique_ptr<Pipeline>> Make(plan::NodePtr plan,
                                                const Connectors& connectors,
                                                PipelineOptions options,
                                                PipelineContext context);
  ~Pipeline();

  void Start();
  /// Ask every task to stop; Finish then answers `reason`. The first reason counts.
  /// Async-signal-unsafe.
  void Cancel(Status reason);
  /// Make a checkpoint now; `savepoint` is the name it is to be kept under, or empty.
  /// From any thread. Answers as Coordinator::Checkpoint.
  Future<Epoch> Checkpoint(std::string savepoint) {
    return coordinator_->Checkpoint(std::move(savepoint));
  }
  /// Make a checkpoint and end there; Finish then answers OK and stopped() true. Without
  /// a store there is nothing to go on from later: use Cancel. From any thread.
  void Stop(std::string savepoint) { coordinator_->Stop(std::move(savepoint)); }
  bool stopped() const { return coordinator_->stopped(); }
  /// Drive the epochs until every task has ended, then commit. An error means that
  /// nothing became visible since the last epoch that was decided, unless it is the
  /// commit's own.
  Status Finish();

  const Progress& progress() const { return progress_; }
  /// Of the node in the plan given to Make, or null: tasks of other plans, nodes without
  /// work of their own.
  const NodeStats* stats(const plan::Node* node) const;
  bool finished() const { return running_.load(std::memory_order_acquire) == 0; }

 private:
  class Builder;
  Pipeline(PipelineOptions options, PipelineContext context);
  void TaskFinished(const Status& status);
  Status Drive();
  Status Failure();

  const PipelineOptions options_;
  const PipelineContext context_;
  plan::NodePtr plan_;
  Progress progress_;
  LateLetters late_letters_{context_.dead_letters, &progress_};
  std::map<const plan::Node*, std::shared_ptr<NodeStats>> stats_;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<std::unique_ptr<TaskCheckpoint>> task_checkpoints_;

  struct Placed {
    TaskCellPtr cell;
    std::unique_ptr<Task> task;
    int shard;
  };
  std::vector<Placed> tasks_;
  std::shared_ptr<std::atomic<bool>> cancelled_ =
      std::make_shared<std::atomic<bool>>(false);
  std::atomic<int64_t> running_{0};
  std::mutex mutex_;
  Status first_error_;
};

}  // namespace millrace::runtime
