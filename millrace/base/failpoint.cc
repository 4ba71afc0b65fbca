#include "millrace/base/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "millrace/base/error.h"

namespace millrace::failpoint {

namespace internal {

namespace {

struct Armed {
  std::string name;
  int64_t at = 1;
  bool error = false;
};

Armed Parse(std::string text) {
  Armed armed;
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
  if (name != armed.name || times.fetch_add(1) + 1 != armed.at) return Status::OK();
  if (armed.error) return errors::kFailpoint.Make({}, "{}", name);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

}  // namespace internal

}  // namespace millrace::failpoint
