// StopWatch: gives a stop up that waits for somebody who takes nothing.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "millrace/base/clock.h"
#include "millrace/base/timers.h"
#include "millrace/base/waker.h"
#include "millrace/runtime/progress.h"

namespace millrace::engine {

/// A checkpoint waits until its rows are written; into a pipe that nobody reads they
/// never are. Cancels the pipeline once it stands still, which loses nothing that the
/// last checkpoint does not give again: for sinks that show rows as they are written, and
/// for dead letters that nobody takes.
/// Thread-safe.
class StopWatch final : public Wakeable, public std::enable_shared_from_this<StopWatch> {
 public:
  /// Both outlive what is watched.
  StopWatch(const Clock* clock, Timers* timers) : clock_(clock), timers_(timers) {}

  /// All may be used until Leave. `waits`: cancel only while that is so; empty: always.
  void Watch(const runtime::Progress* progress, std::function<void()> cancel,
             std::function<bool()> waits = {});
  void Leave();
  void Wake() override;

 private:
  void Arm();  // mutex_ held
  int64_t Moved() const;

  const Clock* const clock_;
  Timers* const timers_;
  std::mutex mutex_;
  const runtime::Progress* progress_ = nullptr;
  std::function<void()> cancel_;
  std::function<bool()> waits_;
  int64_t moved_ = 0;
  int64_t due_ = 0;
};

}  // namespace millrace::engine
