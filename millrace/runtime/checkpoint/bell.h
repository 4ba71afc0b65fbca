// Bell: rung by a timer or by a source, so that the coordinating thread looks.
#pragma once

#include <atomic>
#include <mutex>

#include "millrace/base/waker.h"
#include "millrace/runtime/scheduler.h"

namespace millrace::runtime {

/// Wake comes from any thread, everything else from the coordinating one.
class Bell final : public Wakeable {
 public:
  explicit Bell(Scheduler* scheduler) : scheduler_(scheduler) {}

  void Wake() override {
    rung_.store(true, std::memory_order_release);
    std::lock_guard lock(mutex_);
    if (scheduler_ != nullptr) scheduler_->Notify();
  }
  /// The scheduler may go away.
  void Silence() {
    std::lock_guard lock(mutex_);
    scheduler_ = nullptr;
  }
  bool rung() const { return rung_.load(std::memory_order_acquire); }
  bool TakeRing() { return rung_.exchange(false, std::memory_order_acq_rel); }

 private:
  std::atomic<bool> rung_{false};
  std::mutex mutex_;
  Scheduler* scheduler_;
};

}  // namespace millrace::runtime
