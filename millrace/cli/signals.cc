#include "millrace/cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "millrace/cli/run_job.h"

namespace millrace::cli {

namespace {

enum class Mode { kIdle, kJob, kPrompt };

// A handler has no argument of ours: this is the program, which has one set of signals.
std::atomic<Mode> mode{Mode::kIdle};
std::atomic<int> caught_signal{0};
static_assert(std::atomic<Mode>::is_always_lock_free &&
              std::atomic<int>::is_always_lock_free);

void Handle(int number) {
  const Mode now = mode.load();
  if (now == Mode::kPrompt && number == SIGINT) {
    caught_signal.store(number);
    return;
  }
  int none = 0;
  if (now == Mode::kJob && caught_signal.compare_exchange_strong(none, number)) return;
  ::_exit(kExitInterrupted);
}

void Install(int flags) {
  struct sigaction action {};
  action.sa_handler = Handle;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
}

}  // namespace

void TakeSignals() {
  Install(SA_RESTART);
  // A broken pipe and a file that has grown too large are errors of the write.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

JobSignals::JobSignals() {
  caught_signal.store(0);
  mode.store(Mode::kJob);
}
JobSignals::~JobSignals() { mode.store(Mode::kIdle); }
int JobSignals::caught() { return caught_signal.load(); }

PromptSignals::PromptSignals() {
  caught_signal.store(0);
  mode.store(Mode::kPrompt);
  // Without SA_RESTART the read of the prompt comes back.
  Install(0);
}
PromptSignals::~PromptSignals() {
  mode.store(Mode::kIdle);
  Install(SA_RESTART);
}
bool PromptSignals::interrupted() { return caught_signal.load() != 0; }

}  // namespace millrace::cli
