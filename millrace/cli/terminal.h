// Terminal: what the program says to people, on standard error, as text or JSON lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/result.h"
#include "millrace/engine/job.h"
#include "millrace/runtime/progress.h"

namespace millrace::cli {

enum class LogFormat { kText, kJson };

/// Options that every command has.
struct Talk {
  bool quiet = false;
  LogFormat format = LogFormat::kText;
};

/// Used by one thread at a time.
class Terminal {
 public:
  explicit Terminal(Talk talk);

  /// Is a progress line wanted? Not in a pipe, not when quiet.
  bool shows_progress() const { return progress_; }
  void Progress(const runtime::Progress& progress, int64_t elapsed_nanos);
  /// Take the progress line away.
  void ClearProgress();

  void Note(std::string_view text);
  void Error(const Status& status);
  /// A piece of the user's text under an error; not for machines.
  void Excerpt(std::string_view text);
  void Summary(std::string_view verb, const engine::JobSummary& summary);
  /// Rows that are in no result: set aside, late, without a time. Said even when quiet.
  void LeftOut(const engine::JobSummary& summary);

 private:
  void Line(std::string_view level, std::string_view text);
  const Talk talk_;
  bool progress_ = false;
  bool line_open_ = false;
  int64_t next_json_nanos_ = 0;  // of the job's time: when the next progress line is due
};

/// "336,776", "12.3 MB", "1.52 s".
std::string CountText(int64_t count);
std::string BytesText(double bytes);
std::string SecondsText(double seconds);
/// Resident set of this process in bytes.
int64_t ResidentBytes();
/// The largest that it ever was.
int64_t PeakResidentBytes();

}  // namespace millrace::cli
