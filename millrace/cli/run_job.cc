#include "millrace/cli/run_job.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "millrace/base/clock.h"
#include "millrace/base/error.h"
#include "millrace/cli/signals.h"
#include "millrace/expr/errors.h"
#include "millrace/io/errors.h"

namespace millrace::cli {

namespace {

constexpr std::chrono::milliseconds kTick(100);
// A job that ends at once shows no progress line.
constexpr int64_t kQuietStartNanos = 300'000'000;

}  // namespace

Result<engine::JobSummary> RunJob(engine::Job& job, Terminal& terminal,
                                  std::string_view verb) {
  SystemClock clock;
  if (!verb.empty()) terminal.Note("guarantee: " + job.guarantee());
  const JobSignals signals;
  const int64_t start = clock.MonotonicNanos();
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  job.Start();
  std::thread watcher([&] {
    bool cancelled = false;
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, kTick, [&] { return done; })) {
      if (const int caught = JobSignals::caught(); caught != 0 && !cancelled) {
        cancelled = true;
        job.Cancel(errors::kCancelled.Make({}, "by {}",
                                           caught == SIGINT   ? "SIGINT"
                                           : caught == SIGHUP ? "SIGHUP"
                                                              : "SIGTERM"));
        continue;
      }
      const int64_t elapsed = clock.MonotonicNanos() - start;
      if (elapsed > kQuietStartNanos) terminal.Progress(job.progress(), elapsed);
    }
  });
  Result<engine::JobSummary> summary = job.Finish();
  {
    std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_one();
  watcher.join();
  terminal.ClearProgress();
  ARROW_RETURN_NOT_OK(summary.status());
  if (!verb.empty()) terminal.Summary(verb, *summary);
  terminal.LeftOut(*summary);
  return summary;
}

int ExitCodeOf(const Status& status) {
  if (status.ok()) return kExitDone;
  const int32_t number = ErrorNumber(status);
  if (number == errors::kCancelled.number) return kExitInterrupted;
  if (number == errors::kReaderGone.number) return kExitReaderGone;
  // Options, names and SQL texts are the caller's to mend before anything could run.
  if ((number >= 1000 && number < 2000) || (number >= 3000 && number < 3500) ||
      number == errors::kUnknownFunction.number ||
      number == errors::kBadArguments.number || (number >= 4000 && number < 5000))
    return kExitUsage;
  return kExitFailed;
}

}  // namespace millrace::cli
