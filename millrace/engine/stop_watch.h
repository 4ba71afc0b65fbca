// StopWatch: gives a stop up that waits for somebody who takes nothing.
#pragma once

#include <memory>
#include <mutex>

#include "millrace/base/clock.h"
#include "millrace/base/result.h"
#include "millrace/base/timers.h"
#include "millrace/base/waker.h"
#include "millrace/runtime/pipeline.h"

namespace millrace::engine {

/// A checkpoint waits until its rows are written; into a pipe that nobody reads they
/// never are. Cancels the pipeline once it stands still, which loses nothing that the
/// last checkpoint does not give again: for sinks that show rows as they are written.
/// Thread-safe.
class StopWatch final : public Wakeable, public std::enable_shared_from_this<StopWatch> {
 public:
  /// Both outlive what is watched.
  StopWatch(const Clock* clock, Timers* timers) : clock_(clock), timers_(timers) {}

  /// `pipeline` has been asked to stop, and lives until Leave.
  void Watch(runtime::Pipeline* pipeline, Status reason);
  void Leave();
  void Wake() override;

 private:
  void Arm();  // mutex_ held
  int64_t Moved() const;

  const Clock* const clock_;
  Timers* const timers_;
  std::mutex mutex_;
  runtime::Pipeline* pipeline_ = nullptr;
  Status reason_;
  int64_t moved_ = 0;
  int64_t due_ = 0;
};

}  // namespace millrace::engine
