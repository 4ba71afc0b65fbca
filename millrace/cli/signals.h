// SIGINT and SIGTERM: what they mean depends on what the program is doing.
#pragma once

namespace millrace::cli {

/// Take SIGINT, SIGTERM and ignore SIGPIPE, which becomes an ordinary error. Until a job
/// or a prompt says otherwise, a signal ends the process with exit code 130. Called once,
/// by main, before any other thread starts.
void TakeSignals();

/// While one lives, the first signal is kept for `caught`, and the second one ends the
/// process at once. One at a time.
class JobSignals {
 public:
  JobSignals();
  ~JobSignals();
  /// The signal that came, or 0. Thread-safe.
  static int caught();
};

/// While one lives, SIGINT interrupts a read of the thread that made it instead of ending
/// the process: the prompt. SIGTERM ends it as ever.
class PromptSignals {
 public:
  PromptSignals();
  ~PromptSignals();
  /// Did SIGINT come since the prompt began?
  static bool interrupted();
};

}  // namespace millrace::cli
