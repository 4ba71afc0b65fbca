// Timers: wake-ups at a moment of the monotonic clock. Injected, so that a simulation
// decides when a moment has come.
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/base/clock.h"
#include "millrace/base/waker.h"

namespace millrace {

/// Thread-safe.
class Timers {
 public:
  virtual ~Timers() = default;
  /// Wake `waker` once, when Clock::MonotonicNanos has reached `nanos` or soon after. A
  /// moment that has passed already counts as now. Waking something that has ended is
  /// harmless, so there is no way to cancel.
  virtual void WakeAt(int64_t nanos, Waker waker) = 0;
};

/// One thread, started by the first WakeAt; the destructor drops what has not fired.
/// `clock` must be the machine's, and outlive the timers.
std::unique_ptr<Timers> MakeThreadTimers(const Clock* clock);

}  // namespace millrace
