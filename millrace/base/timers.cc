#include "millrace/base/timers.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

namespace millrace {

namespace {

struct Timer {
  int64_t nanos;
  Waker waker;
  bool operator>(const Timer& other) const { return nanos > other.nanos; }
};

class ThreadTimers final : public Timers {
 public:
  explicit ThreadTimers(const Clock* clock) : clock_(clock) {}

  ~ThreadTimers() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void WakeAt(int64_t nanos, Waker waker) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    timers_.push({nanos, std::move(waker)});
    if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
    if (timers_.top().nanos == nanos) changed_.notify_one();
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    while (!closing_) {
      if (timers_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const int64_t left = timers_.top().nanos - clock_->MonotonicNanos();
      if (left > 0) {
        changed_.wait_for(lock, std::chrono::nanoseconds(left));
        continue;
      }
      Waker waker = timers_.top().waker;
      timers_.pop();
      lock.unlock();
      waker.Wake();
      lock.lock();
    }
  }

  const Clock* const clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Timers> MakeThreadTimers(const Clock* clock) {
  return std::make_unique<ThreadTimers>(clock);
}

}  // namespace millrace
