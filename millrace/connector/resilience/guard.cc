#include "millrace/connector/resilience/guard.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <string>

#include "millrace/base/error.h"
#include "millrace/connector/resilience/errors.h"

namespace millrace::connector::resilience {

namespace {

// How often somebody who waits looks whether it is still for anything.
constexpr std::chrono::nanoseconds kLook = std::chrono::milliseconds(100);

// Lets the coordinating thread sleep until a timer fires.
class Alarm final : public Wakeable {
 public:
  void Wake() override {
    {
      std::lock_guard lock(mutex_);
      rung_ = true;
    }
    changed_.notify_all();
  }
  // `most`: of the machine's own time, should the timers belong to a clock that stands.
  // Answers whether it has rung.
  bool Wait(std::chrono::nanoseconds most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [this] { return rung_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

// The same error, saying how often it was met.
Status AfterTries(const Status& status, int tries) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (detail == nullptr || tries < 2) return status;
  return detail->spec().MakeText(detail->where(),
                                 fmt::format("{}{}(after {} tries)", detail->values(),
                                             detail->values().empty() ? "" : " ", tries));
}

// Connectors made at the same moment still draw different pauses.
uint64_t Seed(const Surroundings& surroundings) {
  return static_cast<uint64_t>(surroundings.clock->MonotonicNanos()) ^
         std::hash<std::string>{}(surroundings.pipeline);
}

}  // namespace

bool IsRetryable(const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  return detail != nullptr && detail->retryable();
}

Status Explained(const Status& failure, const Status& again) {
  const ErrorDetail* detail = ErrorDetail::Of(failure);
  if (detail == nullptr) return failure;
  return detail->spec().MakeText(
      detail->where(),
      fmt::format("{}{}and trying again failed: {}", detail->values(),
                  detail->values().empty() ? "" : "; ", ErrorText(again)));
}

Guard::Guard(const Policies& policies, const Surroundings& surroundings)
    : policies_(policies),
      clock_(surroundings.clock),
      timers_(surroundings.timers),
      executor_(surroundings.executor),
      given_up_(surroundings.given_up),
      limits_rate_(policies.rate_limit_rows > 0 || policies.rate_limit_bytes > 0),
      random_(Seed(surroundings)),
      breaker_(policies.breaker_failures, policies.breaker_pause),
      rows_(policies.rate_limit_rows, clock_->MonotonicNanos()),
      bytes_(policies.rate_limit_bytes, clock_->MonotonicNanos()) {}

void Guard::WakeAt(int64_t nanos, const Waker& waker) { timers_->WakeAt(nanos, waker); }

void Guard::Submit(std::function<void()> work) { executor_->Submit(std::move(work)); }

Status Guard::WaitUntil(int64_t nanos) {
  std::chrono::nanoseconds left(nanos - Now());
  if (left.count() <= 0) return Status::OK();
  auto alarm = std::make_shared<Alarm>();
  timers_->WakeAt(nanos, Waker(alarm));
  for (; left.count() > 0; left -= kLook) {
    if (given_up_) ARROW_RETURN_NOT_OK(given_up_());
    if (alarm->Wait(std::min(left, kLook))) break;
  }
  return Status::OK();
}

int64_t Guard::AdmitAt() {
  if (untroubled_.load(std::memory_order_acquire)) return 0;
  std::lock_guard lock(mutex_);
  return breaker_.Admit(Now());
}

void Guard::Tell(HealthState state, const Status* status) {
  snapshot_.state = state;
  snapshot_.breaker = breaker_.state();
  snapshot_.failures_in_row = breaker_.failures();
  if (status != nullptr) snapshot_.last_error = ErrorText(*status);
  health_->Change(snapshot_);
}

void Guard::Succeeded(Tries* tries) {
  *tries = Tries();
  if (untroubled_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  breaker_.OnSuccess();
  Tell(HealthState::kOk, nullptr);
  untroubled_.store(true, std::memory_order_release);
}

Result<int64_t> Guard::Failed(const Status& status, Tries* tries) {
  // A wrong option fails the same however often; it says nothing of the other side.
  if (!IsRetryable(status)) return GivenUp(status);
  std::lock_guard lock(mutex_);
  untroubled_.store(false, std::memory_order_release);
  const int64_t now = Now();
  if (tries->failed++ == 0) tries->first_failure = now;
  breaker_.OnFailure(now);
  ++snapshot_.failures;
  int64_t next = now + policies_.backoff.Pause(tries->failed, random_);
  const bool paused = breaker_.state() == BreakerState::kOpen;
  if (paused) next = std::max(next, breaker_.reopens());
  const bool late = policies_.retry_deadline > 0 &&
                    next - tries->first_failure > policies_.retry_deadline;
  if (tries->failed >= policies_.retry_attempts || late) {
    Tell(HealthState::kDown, &status);
    if (tries->failed < policies_.retry_attempts && paused) {
      return errors::kBreakerOpen.Make({}, "{} failures; the last: {}",
                                       breaker_.failures(), ErrorText(status));
    }
    return AfterTries(status, tries->failed);
  }
  ++snapshot_.retries;
  Tell(paused ? HealthState::kDown : HealthState::kDegraded, &status);
  return next;
}

Status Guard::GivenUp(const Status& status) {
  std::lock_guard lock(mutex_);
  untroubled_.store(false, std::memory_order_release);
  if (IsRetryable(status)) breaker_.OnFailure(Now());
  ++snapshot_.failures;
  Tell(HealthState::kDown, &status);
  return status;
}

int64_t Guard::PassAt() {
  if (!limits_rate_) return 0;
  std::lock_guard lock(mutex_);
  const int64_t now = Now();
  return std::max(rows_.ReadyAt(now), bytes_.ReadyAt(now));
}

Budget Guard::Allowed(const Budget& budget) {
  if (!limits_rate_) return budget;
  std::lock_guard lock(mutex_);
  const int64_t now = Now();
  Budget out = budget;
  out.rows = std::min(budget.rows, rows_.Allowance(now));
  out.bytes = std::min(budget.bytes, bytes_.Allowance(now));
  return out;
}

void Guard::Passed(int64_t rows, int64_t bytes) {
  if (!limits_rate_) return;
  std::lock_guard lock(mutex_);
  const int64_t now = Now();
  rows_.Take(rows, now);
  bytes_.Take(bytes, now);
}

}  // namespace millrace::connector::resilience
