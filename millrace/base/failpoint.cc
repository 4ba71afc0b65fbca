#include "millrace/base/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "millrace/base/error.h"

namespace millrace::failpoint {

namespace internal {

namespace {

struct Armed {
  std::string name;
  std::optional<int>
      list;  // a file of the names that are reached; -1: it can't be opened
  int64_t at = 1;
  bool error = false;
};

Armed Parse(std::string text) {
  Armed armed;
  if (text.starts_with('>')) {
    armed.list = open(text.c_str() + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return armed;
  }
  if (const auto equal = text.find("=error"); equal != std::string::npos) {
    armed.error = true;
    text.resize(equal);
  }
  if (const auto at = text.find('@'); at != std::string::npos) {
    armed.at = std::atoll(text.c_str() + at + 1);
    text.resize(at);
  }
  armed.name = std::move(text);
  return armed;
}

}  // namespace

Status ReachArmed(std::string_view name) {
  static const Armed armed = Parse(std::getenv("MILLRACE_FAILPOINT"));
  static std::atomic<int64_t> times{0};
  if (armed.list) {
    const std::string line = std::string(name) + "\n";
    return write(*armed.list, line.data(), line.size()) < 0
               ? errors::kFailpoint.Make({}, "{}, which can't be listed", name)
               : Status::OK();
  }
  if (name != armed.name || times.fetch_add(1) + 1 != armed.at) return Status::OK();
  if (armed.error) return errors::kFailpoint.Make({}, "{}", name);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

}  // namespace internal

}  // namespace millrace::failpoint
