#include "millrace/connector/resilience/circuit_breaker.h"

#include <algorithm>

namespace millrace::connector::resilience {

namespace {

// Those who wait for a probe's outcome look again this often within a pause.
constexpr int64_t kLooksPerPause = 10;

}  // namespace

const char* BreakerStateName(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed: return "closed";
    case BreakerState::kOpen: return "open";
    case BreakerState::kHalfOpen: return "half-open";
  }
  return "?";
}

int64_t CircuitBreaker::Admit(int64_t now) {
  if (state_ == BreakerState::kClosed) return now;
  if (now >= until_) {
    state_ = BreakerState::kHalfOpen;
    until_ = now + pause_;
    return now;
  }
  if (state_ == BreakerState::kOpen) return until_;
  return std::min(until_, now + std::max<int64_t>(1, pause_ / kLooksPerPause));
}

void CircuitBreaker::OnSuccess() {
  state_ = BreakerState::kClosed;
  failures_ = 0;
}

void CircuitBreaker::OnFailure(int64_t now) {
  ++failures_;
  if (limit_ == 0) return;
  // What was under way when it opened may fail later: that does not lengthen the pause.
  if (state_ == BreakerState::kOpen) return;
  if (state_ == BreakerState::kClosed && failures_ < limit_) return;
  state_ = BreakerState::kOpen;
  until_ = now + pause_;
}

}  // namespace millrace::connector::resilience
