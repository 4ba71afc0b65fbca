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
#include "millrace/state/errors.h"

namespace millrace::cli {

namespace {

constexpr std::chrono::milliseconds kTick(100);
// A job that ends at once shows no progress line.
constexpr int64_t kQuietStartNanos = 300'000'000;

const char* SignalName(int signal) {
  return signal == SIGINT ? "SIGINT" : signal == SIGHUP ? "SIGHUP" : "SIGTERM";
}

}  // namespace

Result<engine::JobSummary> RunJob(engine::Job& job, Terminal& terminal,
                                  std::string_view verb) {
  SystemClock clock;
  if (!verb.empty()) terminal.Note("guarantee: " + job.guarantee());
  if (const std::string start = job.start(); !start.empty()) terminal.Note(start);
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
        job.Stop("", errors::kCancelled.Make({}, "by {}", SignalName(caught)));
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
  if (job.stopped()) {
    return errors::kStopped.Make({}, "by {}; the pipeline is '{}'",
                                 SignalName(JobSignals::caught()), job.name());
  }
  return summary;
}

int ExitCodeOf(const Status& status) {
  if (status.ok()) return kExitDone;
  const int32_t number = ErrorNumber(status);
  if (number == errors::kCancelled.number || number == errors::kStopped.number)
    return kExitInterrupted;
  if (number == errors::kReaderGone.number) return kExitReaderGone;
  // Options, names and SQL texts are the caller's to mend before anything could run.
  if ((number >= 1000 && number < 2000) || (number >= 3000 && number < 3500) ||
      number == errors::kUnknownFunction.number ||
      number == errors::kBadArguments.number || (number >= 4000 && number < 4500))
    return kExitUsage;
  return kExitFailed;
}

}  // namespace millrace::cli
