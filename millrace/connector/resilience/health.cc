#include "millrace/connector/resilience/health.h"

#include <fmt/format.h>

namespace millrace::connector::resilience {

const char* HealthStateName(HealthState state) {
  switch (state) {
    case HealthState::kOk: return "ok";
    case HealthState::kDegraded: return "degraded";
    case HealthState::kDown: return "down";
  }
  return "?";
}

std::string HealthSnapshot::ToString() const {
  std::string out = HealthStateName(state);
  if (failures == 0) return out;
  out += fmt::format(", {} failure{}, {} retr{}", failures, failures == 1 ? "" : "s",
                     retries, retries == 1 ? "y" : "ies");
  if (breaker != BreakerState::kClosed) {
    out += fmt::format(", breaker {}", BreakerStateName(breaker));
  }
  return out + ", last error: " + last_error;
}

HealthSnapshot Health::Look() const {
  std::lock_guard lock(mutex_);
  return now_;
}

void Health::Change(const HealthSnapshot& now) {
  std::lock_guard lock(mutex_);
  now_ = now;
}

}  // namespace millrace::connector::resilience
