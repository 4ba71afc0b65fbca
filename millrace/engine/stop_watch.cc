#include "millrace/engine/stop_watch.h"

#include <utility>

namespace millrace::engine {

namespace {

// Rows that were written come twice when the pipeline goes on, so they are worth waiting
// for; where none were, whoever stops it need not wait.
constexpr int64_t kPatienceNanos = 3'000'000'000;
constexpr int64_t kPatienceForNothingNanos = 700'000'000;

}  // namespace

int64_t StopWatch::Moved() const {
  return progress_->rows_written.load() + progress_->epochs_decided.load();
}

void StopWatch::Arm() {
  moved_ = Moved();
  const bool nothing = progress_->rows_written.load() == 0;
  due_ = clock_->MonotonicNanos() + (nothing ? kPatienceForNothingNanos : kPatienceNanos);
  timers_->WakeAt(due_, Waker(shared_from_this()));
}

void StopWatch::Watch(const runtime::Progress* progress, std::function<void()> cancel,
                      std::function<bool()> waits) {
  std::lock_guard lock(mutex_);
  progress_ = progress;
  cancel_ = std::move(cancel);
  waits_ = std::move(waits);
  Arm();
}

void StopWatch::Leave() {
  std::lock_guard lock(mutex_);
  progress_ = nullptr;
}

void StopWatch::Wake() {
  std::lock_guard lock(mutex_);
  if (progress_ == nullptr || clock_->MonotonicNanos() < due_) return;
  if (Moved() != moved_ || (waits_ && !waits_())) return Arm();
  cancel_();
}

}  // namespace millrace::engine
