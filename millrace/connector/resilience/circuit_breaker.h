// CircuitBreaker: leaves a system alone that fails again and again.
#pragma once

#include <cstdint>

namespace millrace::connector::resilience {

enum class BreakerState {
  kClosed,    ///< calls go through
  kOpen,      ///< none does
  kHalfOpen,  ///< one does, and decides
};
const char* BreakerStateName(BreakerState state);

/// Opens after `failures` in a row, lets one call probe after `pause_nanos`, and closes
/// when any call succeeds. Times are monotonic nanoseconds. Not thread-safe.
class CircuitBreaker {
 public:
  /// `failures` 0: never opens.
  CircuitBreaker(int64_t failures, int64_t pause_nanos)
      : limit_(failures), pause_(pause_nanos) {}

  /// When a call may be made: `now` for at once, else the moment to ask again at. Asking
  /// at once in kOpen makes the caller the probe. A probe that never tells its outcome is
  /// forgotten after another pause.
  int64_t Admit(int64_t now);
  void OnSuccess();
  void OnFailure(int64_t now);

  BreakerState state() const { return state_; }
  int64_t failures() const { return failures_; }  ///< in a row
  /// kOpen: when a probe is let through.
  int64_t reopens() const { return until_; }

 private:
  const int64_t limit_;
  const int64_t pause_;
  BreakerState state_ = BreakerState::kClosed;
  int64_t failures_ = 0;
  int64_t until_ = 0;  // kOpen: end of the pause; kHalfOpen: when the probe is given up
};

}  // namespace millrace::connector::resilience
