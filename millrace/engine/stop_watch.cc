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
  const runtime::Progress& progress = pipeline_->progress();
  return progress.rows_written.load() + progress.epochs_decided.load();
}

void StopWatch::Arm() {
  moved_ = Moved();
  const bool nothing = pipeline_->progress().rows_written.load() == 0;
  due_ = clock_->MonotonicNanos() + (nothing ? kPatienceForNothingNanos : kPatienceNanos);
  timers_->WakeAt(due_, Waker(shared_from_this()));
}

void StopWatch::Watch(runtime::Pipeline* pipeline, Status reason) {
  std::lock_guard lock(mutex_);
  pipeline_ = pipeline;
  reason_ = std::move(reason);
  Arm();
}

void StopWatch::Leave() {
  std::lock_guard lock(mutex_);
  pipeline_ = nullptr;
}

void StopWatch::Wake() {
  std::lock_guard lock(mutex_);
  if (pipeline_ == nullptr || clock_->MonotonicNanos() < due_) return;
  if (Moved() != moved_) return Arm();
  pipeline_->Cancel(reason_);
}

}  // namespace millrace::engine
