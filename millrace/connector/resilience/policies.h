// Policies: the resilience options, on every source and sink.
#pragma once

#include <cstdint>

#include "millrace/base/backoff.h"
#include "millrace/base/config/config.h"

namespace millrace::connector::resilience {

/// What the options say. Durations are nanoseconds; 0 means no limit unless it says
/// otherwise.
struct Policies {
  int retry_attempts = 3;  ///< tries in all; 1: never again
  Backoff backoff;
  int64_t retry_deadline = 0;
  int64_t breaker_failures = 5;  ///< 0: no breaker
  int64_t breaker_pause = 30'000'000'000;
  int64_t rate_limit_rows = 0;   ///< a second
  int64_t rate_limit_bytes = 0;  ///< a second
  int64_t timeout = 0;           ///< of reading a batch, or of writing one
  int64_t timeout_connect = 0;   ///< from opening to the first answer; 0: as `timeout`
  int64_t timeout_commit = 0;    ///< sinks
  int64_t max_connections = 0;
};

/// The options that every source, and those that every sink has.
const ConfigSpec& SourcePolicyOptions();
const ConfigSpec& SinkPolicyOptions();

/// `config` is of one of the two.
Result<Policies> PoliciesOf(const Config& config);

}  // namespace millrace::connector::resilience
