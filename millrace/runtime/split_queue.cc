#include "millrace/runtime/split_queue.h"

#include <algorithm>

namespace millrace::runtime {

using operators::Watermark;

namespace {

// A split has rows as old as min_event_time, so that what is older is complete.
int64_t FirstWatermark(const connector::SplitState& state) {
  const int64_t least = state.split.min_event_time;
  return std::max(state.watermark, least == data::event_time::kMin ? least : least - 1);
}

}  // namespace

// What is endless and has no split yet holds nobody.
SplitQueue::SplitQueue(bool bounded, size_t tasks) : bounded_(bounded), tasks_(tasks) {
  Advance();
}

void SplitQueue::Add(std::vector<connector::SplitState> splits) {
  std::lock_guard lock(mutex_);
  for (connector::SplitState& state : splits) {
    state.watermark = FirstWatermark(state);
    unread_watermarks_.insert(state.watermark);
    unread_.push_back(std::move(state));
  }
  Advance();
}

std::optional<connector::SplitState> SplitQueue::Take(size_t task) {
  std::lock_guard lock(mutex_);
  if (unread_.empty()) return std::nullopt;
  connector::SplitState next = std::move(unread_.front());
  unread_.pop_front();
  unread_watermarks_.erase(unread_watermarks_.find(next.watermark));
  tasks_[task].least = std::min(tasks_[task].least, next.watermark);
  return next;
}

bool SplitQueue::Report(size_t task, const TaskTime& time) {
  std::lock_guard lock(mutex_);
  if (tasks_[task] == time) return false;
  tasks_[task] = time;
  return Advance();
}

Watermark SplitQueue::time() const {
  std::lock_guard lock(mutex_);
  return time_;
}

bool SplitQueue::Advance() {
  TaskTime all;
  if (!unread_watermarks_.empty()) all.least = *unread_watermarks_.begin();
  for (const TaskTime& task : tasks_) {
    all.least = std::min(all.least, task.least);
    all.newest = std::max(all.newest, task.newest);
  }
  const bool idle = all.least == data::event_time::kMax;
  // What is bounded has ended, which its tasks say themselves.
  if (idle && bounded_) return false;
  const int64_t micros = std::max(time_.micros, idle ? all.newest : all.least);
  if (micros == time_.micros && idle == time_.idle) return false;
  time_ = {micros, idle};
  version_.fetch_add(1, std::memory_order_release);
  return true;
}

}  // namespace millrace::runtime
