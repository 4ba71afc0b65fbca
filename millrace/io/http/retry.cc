#include "millrace/io/http/retry.h"

#include <ctime>

#include <algorithm>
#include <charconv>

#include "millrace/base/error.h"
#include "millrace/base/pause.h"

namespace millrace::io {

namespace {

bool IsPassing(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 ||
         status == 503 || status == 504;
}

bool IsPassing(const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  return detail != nullptr && detail->retryable();
}

}  // namespace

RetryingClient::RetryingClient(std::shared_ptr<HttpClient> client, RetryPolicy policy,
                               const Clock* clock, Timers* timers, GivenUp given_up,
                               uint64_t seed)
    : client_(std::move(client)),
      policy_(policy),
      clock_(clock),
      timers_(timers),
      given_up_(std::move(given_up)),
      random_(seed) {}

Result<HttpResponse> RetryingClient::Send(
    const std::function<Result<HttpRequest>()>& make,
    const std::function<bool(const HttpResponse&)>& again) {
  const int64_t begun = clock_->MonotonicNanos();
  for (int attempt = 1;; ++attempt) {
    ARROW_ASSIGN_OR_RAISE(const HttpRequest request, make());
    auto response = client_->Send(request);
    if (response.ok() ? !IsPassing(response->status) && !(again && again(*response))
                      : !IsPassing(response.status())) {
      return response;
    }
    int64_t pause = 0;
    {
      std::lock_guard lock(mutex_);
      pause = policy_.backoff.Pause(attempt, random_);
    }
    if (response.ok()) {
      if (const std::string* after = response->Header("retry-after"))
        pause = std::max(pause, ParseRetryAfter(*after, clock_->WallMicros()));
    }
    if (attempt >= policy_.attempts ||
        clock_->MonotonicNanos() - begun + pause > policy_.deadline_nanos) {
      return response;
    }
    ARROW_RETURN_NOT_OK(Pause(*clock_, timers_, pause, given_up_));
  }
}

int64_t ParseHttpDate(std::string_view text) {
  std::tm time{};
  const std::string whole(text);
  const char* end = ::strptime(whole.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  if (end == nullptr || *end != '\0') return -1;
  return static_cast<int64_t>(::timegm(&time)) * 1'000'000;
}

int64_t ParseRetryAfter(std::string_view text, int64_t wall_micros) {
  int64_t seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size())
    return seconds < 0 ? -1 : std::min<int64_t>(seconds, 86'400) * 1'000'000'000;
  const int64_t at = ParseHttpDate(text);
  return at < 0 ? -1 : std::clamp<int64_t>(at - wall_micros, 0, 86'400'000'000) * 1000;
}

}  // namespace millrace::io
