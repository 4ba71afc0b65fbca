#include "millrace/cli/script.h"

#include <cstdio>

#include "millrace/base/error.h"

namespace millrace::cli {

Result<engine::JobSummary> ScriptListener::Run(engine::Job& job, bool writes) {
  return RunJob(job, *terminal_, writes ? "wrote" : "");
}

void ScriptListener::OnPlan(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string Excerpt(const std::string& text, const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (detail == nullptr || detail->where().line < 1 || detail->where().column_number < 1)
    return "";
  size_t begin = 0;
  for (int32_t line = 1; line < detail->where().line; ++line) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return "";
    ++begin;
  }
  const std::string line = text.substr(begin, text.find('\n', begin) - begin);
  const std::string number = std::to_string(detail->where().line);
  std::string out = "  " + number + " | " + line + "\n";
  out.append(number.size() + 4 + static_cast<size_t>(detail->where().column_number), ' ');
  return out + "^\n";
}

}  // namespace millrace::cli
