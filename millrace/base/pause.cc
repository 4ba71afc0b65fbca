#include "millrace/base/pause.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace millrace {

namespace {

class Alarm final : public Wakeable {
 public:
  void Wake() override {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  void WaitFor(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

Status Pause(const Clock& clock, Timers* timers, int64_t nanos,
             const std::function<Status()>& given_up) {
  const int64_t until = clock.MonotonicNanos() + nanos;
  auto alarm = std::make_shared<Alarm>();
  if (timers != nullptr) timers->WakeAt(until, Waker(alarm));
  for (;;) {
    if (given_up) ARROW_RETURN_NOT_OK(given_up());
    const int64_t left = until - clock.MonotonicNanos();
    if (left <= 0) return Status::OK();
    // In slices: whoever gives up does not know that we wait.
    alarm->WaitFor(std::chrono::nanoseconds(std::min<int64_t>(left, 50'000'000)));
  }
}

}  // namespace millrace
