#include "millrace/runtime/shard.h"

#include "millrace/base/error.h"

namespace millrace::runtime {

void TaskCell::Init(std::unique_ptr<Task> task, Shard* shard,
                    std::shared_ptr<const std::atomic<bool>> cancelled,
                    Finished finished) {
  task_ = std::move(task);
  shard_ = shard;
  cancelled_ = std::move(cancelled);
  finished_ = std::move(finished);
}

void TaskCell::Wake() {
  int state = state_.load();
  for (;;) {
    switch (state) {
      case kIdle:
        if (!state_.compare_exchange_weak(state, kQueued)) continue;
        shard_->Enqueue(shared_from_this());
        return;
      case kRunning:
        // Remembered, so that a task that blocks just now looks once more.
        if (!state_.compare_exchange_weak(state, kRunningWoken)) continue;
        return;
      default: return;
    }
  }
}

void Shard::Enqueue(TaskCellPtr cell) {
  {
    std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(cell));
  }
  changed_.notify_one();
}

size_t Shard::Collect() {
  std::lock_guard lock(mutex_);
  for (TaskCellPtr& cell : inbox_) ready_.push_back({std::move(cell), turn_++});
  inbox_.clear();
  return ready_.size();
}

size_t Shard::Choose() const {
  size_t best = 0;
  auto before = [this](const Ready& a, const Ready& b) {
    // A pipeline that just ran lets the others go first.
    const bool a_last = a.cell->pipeline() == last_pipeline_;
    const bool b_last = b.cell->pipeline() == last_pipeline_;
    if (a_last != b_last) return b_last;
    if (a.cell->pipeline() == b.cell->pipeline() && a.cell->depth() != b.cell->depth()) {
      return a.cell->depth() < b.cell->depth();
    }
    return a.since < b.since;
  };
  for (size_t i = 1; i < ready_.size(); ++i) {
    if (before(ready_[i], ready_[best])) best = i;
  }
  return best;
}

void Shard::Run(size_t index, const Budget& budget, int pulls) {
  TaskCellPtr cell = std::move(ready_[index].cell);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
  last_pipeline_ = cell->pipeline();
  cell->state_.store(TaskCell::kRunning);
  Result<TaskState> state = TaskState::kDone;
  if (cell->cancelled_->load(std::memory_order_acquire)) {
    state = errors::kCancelled.Make({}, "");
  } else {
    state = cell->task_->Run(budget, pulls, Waker(cell));
  }
  if (!state.ok() || *state == TaskState::kDone) {
    cell->state_.store(TaskCell::kFinished);
    if (state.ok()) cell->task_->End();
    // What the task holds (rings, writer) is let go on the shard that used it.
    cell->task_.reset();
    auto finished = std::move(cell->finished_);
    finished(state.status());
    return;
  }
  if (*state == TaskState::kBlocked) {
    int running = TaskCell::kRunning;
    if (cell->state_.compare_exchange_strong(running, TaskCell::kIdle)) return;
  }
  cell->state_.store(TaskCell::kQueued);
  ready_.push_back({std::move(cell), turn_++});
}

void Shard::WaitForWork() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !inbox_.empty() || stopping(); });
}

void Shard::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

}  // namespace millrace::runtime
