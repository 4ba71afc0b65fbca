#include "millrace/cli/terminal.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "millrace/base/error.h"
#include "millrace/io/errors.h"

namespace millrace::cli {

namespace {

void Put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

size_t TerminalWidth() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
    return size.ws_col;
  return 80;
}

// A log is for reading later: one line a second, where a terminal moves all the time.
constexpr int64_t kJsonEveryNanos = 1'000'000'000;

double Seconds(int64_t nanos) {
  return static_cast<double>(std::max<int64_t>(nanos, 1)) / 1e9;
}

}  // namespace

std::string CountText(int64_t count) {
  std::string digits = std::to_string(count);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0);
       at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string BytesText(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.1f} MB", bytes / 1e6);
  if (bytes >= 1e3) return fmt::format("{:.1f} kB", bytes / 1e3);
  return fmt::format("{:.0f} B", bytes);
}

std::string SecondsText(double seconds) {
  if (seconds >= 3600) {
    const auto whole = static_cast<int64_t>(seconds);
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  }
  if (seconds >= 60) {
    const auto whole = static_cast<int64_t>(seconds);
    return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  }
  return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 1);
}

int64_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  int64_t total = 0, resident = 0;
  const int got = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return got == 2 ? resident * ::sysconf(_SC_PAGE_SIZE) : 0;
}

int64_t PeakResidentBytes() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss * 1024 : 0;
}

Terminal::Terminal(Talk talk) : talk_(talk) {
  progress_ =
      !talk.quiet && (talk.format == LogFormat::kJson || ::isatty(STDERR_FILENO) == 1);
}

void Terminal::Progress(const runtime::Progress& progress, int64_t elapsed_nanos) {
  if (!progress_) return;
  if (talk_.format == LogFormat::kJson) {
    if (elapsed_nanos < next_json_nanos_) return;
    next_json_nanos_ = elapsed_nanos + kJsonEveryNanos;
  }
  const double seconds = Seconds(elapsed_nanos);
  const int64_t rows = progress.rows_read.load(std::memory_order_relaxed);
  const int64_t bytes = progress.bytes_read.load(std::memory_order_relaxed);
  const int64_t total = progress.bytes_total.load(std::memory_order_relaxed);
  const double share =
      total > 0 ? std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total))
                : -1;
  const double left = share > 0.01 ? seconds * (1 - share) / share : -1;
  if (talk_.format == LogFormat::kJson) {
    nlohmann::ordered_json line = {{"level", "progress"},
                                   {"rows", rows},
                                   {"bytes", bytes},
                                   {"seconds", seconds},
                                   {"memory_bytes", ResidentBytes()}};
    if (share >= 0) line["percent"] = share * 100;
    if (left >= 0) line["seconds_left"] = left;
    Put(line.dump() + "\n");
    return;
  }
  std::string line =
      fmt::format("{} rows, {}, {} rows/s, {}/s", CountText(rows),
                  BytesText(static_cast<double>(bytes)),
                  CountText(static_cast<int64_t>(static_cast<double>(rows) / seconds)),
                  BytesText(static_cast<double>(bytes) / seconds));
  if (share >= 0) line += fmt::format(", {:.0f} %", share * 100);
  if (left >= 0) line += fmt::format(", {} left", SecondsText(left));
  line += fmt::format(", memory {}", BytesText(static_cast<double>(ResidentBytes())));
  line.resize(std::min(line.size(), TerminalWidth() - 1));
  Put("\r\x1b[K" + line);
  line_open_ = true;
}

void Terminal::ClearProgress() {
  if (std::exchange(line_open_, false)) Put("\r\x1b[K");
}

void Terminal::Line(std::string_view level, std::string_view text) {
  ClearProgress();
  if (talk_.format == LogFormat::kJson) {
    Put(nlohmann::ordered_json{{"level", level}, {"message", text}}.dump(
            -1, ' ', false, nlohmann::json::error_handler_t::replace) +
        "\n");
  } else {
    Put(std::string(text) + "\n");
  }
}

void Terminal::Note(std::string_view text) {
  if (!talk_.quiet) Line("info", text);
}

void Terminal::Error(const Status& status) {
  ClearProgress();
  // `millrace … | head` has all that it wanted: other programs say nothing either.
  if (ErrorNumber(status) == errors::kReaderGone.number) return;
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (talk_.format == LogFormat::kJson) {
    nlohmann::ordered_json line = {{"level", "error"},
                                   {"code", fmt::format("MR-{:04}", ErrorNumber(status))},
                                   {"message", ErrorText(status)}};
    if (detail != nullptr) {
      line["retryable"] = detail->retryable();
      line["remedy"] = detail->spec().remedy;
    }
    Put(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  Put("error: " + ErrorText(status) + "\n");
  if (detail != nullptr && !detail->spec().remedy.empty()) {
    Put("  hint: " + std::string(detail->spec().remedy) + "\n");
  }
}

void Terminal::Excerpt(std::string_view text) {
  if (talk_.format == LogFormat::kText) Put(text);
}

void Terminal::Summary(std::string_view verb, const engine::JobSummary& summary) {
  next_json_nanos_ = 0;
  if (talk_.quiet) return;
  ClearProgress();
  const double seconds = Seconds(summary.nanos);
  const auto rate =
      static_cast<int64_t>(static_cast<double>(summary.rows_read) / seconds);
  if (talk_.format == LogFormat::kJson) {
    nlohmann::ordered_json connectors = nlohmann::ordered_json::array();
    for (const engine::ConnectorHealth& connector : summary.connectors) {
      connectors.push_back(
          {{"name", connector.name},
           {"health", connector::resilience::HealthStateName(connector.health.state)},
           {"failures", connector.health.failures},
           {"retries", connector.health.retries},
           {"breaker", connector::resilience::BreakerStateName(connector.health.breaker)},
           {"last_error", connector.health.last_error}});
    }
    Put(nlohmann::ordered_json{{"level", "summary"},
                               {"rows_read", summary.rows_read},
                               {"rows_written", summary.rows_written},
                               {"bytes_read", summary.bytes_read},
                               {"bytes_written", summary.bytes_written},
                               {"dead_letters", summary.dead_letters},
                               {"dead_letter_file", summary.dead_letter_file},
                               {"rows_invalid", summary.rows_invalid},
                               {"rows_late", summary.rows_late},
                               {"rows_without_time", summary.rows_without_time},
                               {"connectors", std::move(connectors)},
                               {"seconds", seconds},
                               {"rows_per_second", rate},
                               {"peak_memory_bytes", PeakResidentBytes()},
                               {"peak_budget_bytes", summary.peak_memory}}
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
        "\n");
    return;
  }
  std::string line = fmt::format("{} {} rows", verb, CountText(summary.rows_written));
  if (summary.rows_read != summary.rows_written) {
    line += fmt::format(" from {}", CountText(summary.rows_read));
  }
  line += fmt::format(" in {}: {} rows/s, {}/s", SecondsText(seconds), CountText(rate),
                      BytesText(static_cast<double>(summary.bytes_read) / seconds));
  line += fmt::format(" ({} read", BytesText(static_cast<double>(summary.bytes_read)));
  if (summary.bytes_written > 0) {
    line += fmt::format(", {} written",
                        BytesText(static_cast<double>(summary.bytes_written)));
  }
  Put(line + ")\n");
}

void Terminal::LeftOut(const engine::JobSummary& summary) {
  if (summary.dead_letters > 0) {
    Line("warning",
         summary.dead_letter_file.empty()
             ? fmt::format("{} bad rows thrown away", CountText(summary.dead_letters))
             : fmt::format("{} rows set aside in {}", CountText(summary.dead_letters),
                           summary.dead_letter_file));
  }
  if (summary.rows_invalid > 0) {
    Line("warning", fmt::format("{} rows left out: they break a rule of the destination",
                                CountText(summary.rows_invalid)));
  }
  for (const engine::ConnectorHealth& connector : summary.connectors) {
    if (connector.health.failures == 0) continue;
    Line("warning", connector.name + ": " + connector.health.ToString());
  }
  if (summary.rows_late > 0) {
    Line("warning",
         fmt::format("{} rows left out: they came after their window had closed",
                     CountText(summary.rows_late)));
  }
  if (summary.rows_without_time > 0) {
    Line("warning", fmt::format("{} rows left out: their event time is NULL",
                                CountText(summary.rows_without_time)));
  }
}

}  // namespace millrace::cli
