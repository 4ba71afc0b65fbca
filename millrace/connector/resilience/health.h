// Health: how one connector object is doing, for people and for the control services.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "millrace/base/result.h"
#include "millrace/connector/resilience/circuit_breaker.h"

namespace millrace::connector::resilience {

enum class HealthState {
  kOk,
  kDegraded,  ///< the last call failed, and is tried again
  kDown,      ///< given up, or left alone by the breaker
};
const char* HealthStateName(HealthState state);

struct HealthSnapshot {
  HealthState state = HealthState::kOk;
  BreakerState breaker = BreakerState::kClosed;
  int64_t failures_in_row = 0;
  int64_t failures = 0;  ///< since the connector was made
  int64_t retries = 0;   ///< tries after a failure
  std::string last_error;

  /// "degraded, 2 failures, 2 retries, last error: MR-2005 …"
  std::string ToString() const;
};

/// Thread-safe.
class Health {
 public:
  HealthSnapshot Look() const;
  void Change(const HealthSnapshot& now);

 private:
  mutable std::mutex mutex_;
  HealthSnapshot now_;
};

}  // namespace millrace::connector::resilience
