#include "millrace/cli/run_job.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "millrace/base/clock.h"
#include "millrace/base/error.h"

namespace millrace::cli {

namespace {

constexpr int64_t kTickNanos = 100'000'000;
// A job that ends at once shows no progress line.
constexpr int64_t kQuietStartNanos = 300'000'000;

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  // Sent by RunJob itself to end the watching thread.
  sigaddset(&set, SIGUSR2);
  return set;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Result<engine::JobSummary> RunJob(engine::Job& job, Terminal& terminal,
                                  std::string_view verb) {
  SystemClock clock;
  const int64_t start = clock.MonotonicNanos();
  std::atomic<bool> done{false};
  job.Start();
  std::thread watcher([&] {
    const sigset_t set = StopSignals();
    bool cancelled = false;
    while (!done.load()) {
      const timespec tick{0, kTickNanos};
      const int caught = sigtimedwait(&set, nullptr, &tick);
      if (caught == SIGINT || caught == SIGTERM) {
        if (cancelled) ::_exit(kExitInterrupted);
        cancelled = true;
        job.Cancel(errors::kCancelled.Make({}, "by {}",
                                           caught == SIGINT ? "SIGINT" : "SIGTERM"));
        continue;
      }
      const int64_t elapsed = clock.MonotonicNanos() - start;
      if (!done.load() && elapsed > kQuietStartNanos)
        terminal.Progress(job.progress(), elapsed);
    }
  });
  Result<engine::JobSummary> summary = job.Finish();
  done.store(true);
  pthread_kill(watcher.native_handle(), SIGUSR2);
  watcher.join();
  terminal.ClearProgress();
  ARROW_RETURN_NOT_OK(summary.status());
  if (!verb.empty()) terminal.Summary(verb, *summary);
  return summary;
}

int ExitCodeOf(const Status& status) {
  if (status.ok()) return kExitDone;
  const int32_t number = ErrorNumber(status);
  if (number == errors::kCancelled.number) return kExitInterrupted;
  // Options, names and SQL texts are the caller's to mend before anything could run.
  if ((number >= 1000 && number < 2000) || (number >= 3000 && number < 3500))
    return kExitUsage;
  return kExitFailed;
}

}  // namespace millrace::cli
