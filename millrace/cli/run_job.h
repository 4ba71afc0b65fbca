// Running a job from the command line: progress, signals, summary.
#pragma once

#include <string_view>

#include "millrace/cli/terminal.h"
#include "millrace/engine/job.h"

namespace millrace::cli {

/// Exit codes of the program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitReaderGone = 141;  ///< as if SIGPIPE had ended it

/// Start `job` and wait for its end. A signal cancels it, a second one ends the process
/// at once. Prints progress and, unless `verb` is empty, the guarantee before the start
/// and the summary ("<verb> 12 rows …").
Result<engine::JobSummary> RunJob(engine::Job& job, Terminal& terminal,
                                  std::string_view verb);

/// The code to exit with.
int ExitCodeOf(const Status& status);

}  // namespace millrace::cli
