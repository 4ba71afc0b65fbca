// Guard: what the wrappers of one connector object share: its breaker, its rates, its
// health, and the decision whether to try again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "millrace/base/budget.h"
#include "millrace/base/clock.h"
#include "millrace/base/random.h"
#include "millrace/base/timers.h"
#include "millrace/connector/registry.h"
#include "millrace/connector/resilience/health.h"
#include "millrace/connector/resilience/policies.h"
#include "millrace/connector/resilience/token_bucket.h"

namespace millrace::connector::resilience {

/// A moment that is none.
inline constexpr int64_t kNever = -1;

/// Does the error say that the same may succeed later?
bool IsRetryable(const Status& status);

/// `failure`, and why it could not be mended.
Status Explained(const Status& failure, const Status& again);

/// One operation that is tried until it succeeds or is given up. Owned by who tries.
struct Tries {
  int failed = 0;
  int64_t first_failure = 0;
};

/// Thread-safe; shared by a source and its readers, or by a sink, its writers and its
/// committer.
class Guard {
 public:
  Guard(const Policies& policies, const Surroundings& surroundings);

  const Policies& policies() const { return policies_; }
  int64_t Now() const { return clock_->MonotonicNanos(); }
  void WakeAt(int64_t nanos, const Waker& waker);
  /// Run `work` where it may block.
  void Submit(std::function<void()> work);

  /// When a call may be made that opens a connection: now or earlier for at once.
  int64_t AdmitAt();
  void Succeeded(Tries* tries);
  /// `status` ended a try. The moment of the next, or the error to end with.
  Result<int64_t> Failed(const Status& status, Tries* tries);
  /// `status` ends the operation whatever it is: for what can't be repeated.
  Status GivenUp(const Status& status);

  /// Rates. When some rows may pass; `budget` cut to what may.
  int64_t PassAt();
  Budget Allowed(const Budget& budget);
  void Passed(int64_t rows, int64_t bytes);
  bool limits_rate() const { return limits_rate_; }

  /// Call `operation` until it succeeds or is given up. Waits; for the coordinating
  /// thread only.
  template <typename Operation>
  auto Call(const Operation& operation) -> decltype(operation()) {
    Tries tries;
    Status failure;
    for (;;) {
      ARROW_RETURN_NOT_OK(WaitUntil(AdmitAt()));
      auto outcome = operation();
      if (outcome.ok()) {
        Succeeded(&tries);
        return outcome;
      }
      // What can't be tried again is not what went wrong in the first place.
      if (tries.failed > 0 && !IsRetryable(StatusOf(outcome))) {
        return Explained(failure, StatusOf(outcome));
      }
      failure = StatusOf(outcome);
      ARROW_ASSIGN_OR_RAISE(const int64_t next, Failed(failure, &tries));
      ARROW_RETURN_NOT_OK(WaitUntil(next));
    }
  }

  std::shared_ptr<const Health> health() const { return health_; }

 private:
  static const Status& StatusOf(const Status& status) { return status; }
  template <typename T>
  static const Status& StatusOf(const Result<T>& result) {
    return result.status();
  }
  /// Fails when the pipeline is given up meanwhile.
  Status WaitUntil(int64_t nanos);
  void Tell(HealthState state, const Status* status);

  const Policies policies_;
  const Clock* const clock_;
  Timers* const timers_;
  Executor* const executor_;
  const std::function<Status()> given_up_;
  const bool limits_rate_;
  const std::shared_ptr<Health> health_ = std::make_shared<Health>();
  std::atomic<bool> untroubled_{true};  // nothing to forget when a call succeeds
  std::mutex mutex_;                    // of all below
  Random random_;
  CircuitBreaker breaker_;
  TokenBucket rows_;
  TokenBucket bytes_;
  HealthSnapshot snapshot_;
};

}  // namespace millrace::connector::resilience
