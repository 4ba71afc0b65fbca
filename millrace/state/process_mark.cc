#include "millrace/state/process_mark.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "millrace/state/sealed_json.h"

namespace millrace::state {

namespace {

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Life {
  char state = 0;
  std::string begun;
};

// What /proc/<pid>/stat tells; empty where there is no such process.
std::optional<Life> LifeOf(int64_t pid) {
  const std::string text = TextOf("/proc/" + std::to_string(pid) + "/stat");
  // The second field is a name in brackets, which may hold anything.
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  Life out;
  fields >> out.state;
  // "begun" is field 22, the state field 3.
  for (int i = 4; i <= 22; ++i) fields >> out.begun;
  if (!fields) return std::nullopt;
  return out;
}

std::string Boot() {
  std::string text = TextOf("/proc/sys/kernel/random/boot_id");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string Processes() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
}

}  // namespace

ProcessMark ProcessMark::Own() {
  ProcessMark out;
  out.pid = ::getpid();
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) out.host = host.data();
  out.boot = Boot();
  out.processes = Processes();
  if (auto life = LifeOf(out.pid)) out.begun = std::move(life->begun);
  return out;
}

bool ProcessMark::IsGone() const {
  if (boot.empty() || processes.empty() || begun.empty()) return false;
  if (boot != Boot() || processes != Processes()) return false;
  const auto life = LifeOf(pid);
  // Where /proc hides what others run, a signal still finds it.
  if (!life) return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
  return life->begun != begun || life->state == 'Z' || life->state == 'X';
}

nlohmann::json ProcessMark::ToJson() const {
  return {{"pid", pid},
          {"host", Base64(host)},
          {"boot", boot},
          {"processes", processes},
          {"begun", begun}};
}

ProcessMark ProcessMark::From(const nlohmann::json& object, bool* good) {
  const Fields fields(object, good);
  return {fields.Integer("pid"), fields.Bytes("host"), fields.Text("boot"),
          fields.Text("processes"), fields.Text("begun")};
}

}  // namespace millrace::state
