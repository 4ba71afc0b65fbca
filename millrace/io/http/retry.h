// Requests that are repeated, by one policy.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "millrace/base/backoff.h"
#include "millrace/base/timers.h"
#include "millrace/io/http/http_client.h"

namespace millrace::io {

struct RetryPolicy {
  Backoff backoff{
      .first_nanos = 200'000'000, .multiplier = 2, .max_nanos = 20'000'000'000};
  int attempts = 8;
  /// After so long since the first try no other is begun.
  int64_t deadline_nanos = 300'000'000'000;
};

/// Sends requests again where that can help: transport faults, stalls, short answers,
/// 408, 429, 500, 502, 503, 504, and what the caller says. Retry-After is honoured. What
/// is sent must be harmless when it arrives twice. Thread-safe; calls block.
class RetryingClient {
 public:
  /// `clock` outlives it; `timers` too, and may be null.
  RetryingClient(std::shared_ptr<HttpClient> client, RetryPolicy policy,
                 const Clock* clock, Timers* timers, GivenUp given_up, uint64_t seed);

  /// `make` is called for every try, so that a signature is never older than it.
  /// `again`: shall this answer, of a status that is not repeated by itself, be asked for
  /// again? May be empty. The last answer, of whatever status, is answered.
  Result<HttpResponse> Send(const std::function<Result<HttpRequest>()>& make,
                            const std::function<bool(const HttpResponse&)>& again = {});

  /// One try.
  Result<HttpResponse> Once(const HttpRequest& request) { return client_->Send(request); }

  const Clock& clock() const { return *clock_; }

 private:
  const std::shared_ptr<HttpClient> client_;
  const RetryPolicy policy_;
  const Clock* const clock_;
  Timers* const timers_;
  const GivenUp given_up_;
  std::mutex mutex_;
  Random random_;  // under mutex_
};

/// Seconds or a date, as Retry-After has them, in nanoseconds from `wall_micros` on; −1
/// for neither.
int64_t ParseRetryAfter(std::string_view text, int64_t wall_micros);
/// "Wed, 21 Oct 2015 07:28:00 GMT" in microseconds since 1970; −1 for anything else.
int64_t ParseHttpDate(std::string_view text);

}  // namespace millrace::io
