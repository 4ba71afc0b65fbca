// Shard: runs the tasks that live on it, one at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/base/waker.h"
#include "millrace/runtime/task.h"

namespace millrace::runtime {

class Shard;

/// A task with what scheduling needs. Wake comes from any thread; everything else happens
/// on the shard.
class TaskCell final : public Wakeable, public std::enable_shared_from_this<TaskCell> {
 public:
  /// Called once, on the shard, when the task has ended: OK, its error, or the reason of
  /// its cancellation.
  using Finished = std::function<void(const Status&)>;

  /// `pipeline` groups tasks for fairness; `depth` is the number of exchanges between the
  /// task and the sink.
  TaskCell(int64_t pipeline, int depth) : pipeline_(pipeline), depth_(depth) {}

  /// Set once, before the shard knows the cell.
  void Init(std::unique_ptr<Task> task, Shard* shard,
            std::shared_ptr<const std::atomic<bool>> cancelled, Finished finished);

  void Wake() override;
  int64_t pipeline() const { return pipeline_; }
  int depth() const { return depth_; }

 private:
  friend class Shard;
  enum State : int { kIdle, kQueued, kRunning, kRunningWoken, kFinished };
  const int64_t pipeline_;
  const int depth_;
  std::unique_ptr<Task> task_;
  Shard* shard_ = nullptr;
  std::shared_ptr<const std::atomic<bool>> cancelled_;
  Finished finished_;
  std::atomic<int> state_{kQueued};
};

using TaskCellPtr = std::shared_ptr<TaskCell>;

/// One thread's worth of work. Enqueue comes from any thread; the rest belongs to the
/// thread (or simulation) that drives it.
class Shard {
 public:
  /// Put a cell into the inbox: when it is new or was woken.
  void Enqueue(TaskCellPtr cell);

  /// Take in what was enqueued; answers how many tasks are ready.
  size_t Collect();
  /// Run ready task `index` of the last Collect once.
  void Run(size_t index, const Budget& budget, int pulls);
  /// The ready task to run by the house rule: pipelines in turn, and within one
  /// downstream first.
  size_t Choose() const;

  /// Wait until something is enqueued or `stopping` is set by Stop.
  void WaitForWork();
  void Stop();
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }

 private:
  struct Ready {
    TaskCellPtr cell;
    int64_t since;  // turn in which it became ready
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TaskCellPtr> inbox_;
  std::atomic<bool> stopping_{false};
  std::vector<Ready> ready_;
  int64_t turn_ = 0;
  int64_t last_pipeline_ = -1;
};

}  // namespace millrace::runtime
