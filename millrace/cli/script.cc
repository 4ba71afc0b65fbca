#include "millrace/cli/script.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <arrow/array/builder_binary.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/config/secret_name.h"
#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/io/errors.h"

namespace millrace::cli {

Result<engine::JobSummary> ScriptListener::Run(engine::Job& job, bool writes) {
  return RunJob(job, *terminal_, writes ? "wrote" : "");
}

Status ScriptListener::OnPlan(const std::string& text) {
  if (!plans_as_rows_) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return Status::OK();
  }
  arrow::StringBuilder lines(ProcessMemoryPool());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ARROW_RETURN_NOT_OK(lines.Append(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  ARROW_ASSIGN_OR_RAISE(auto column, lines.Finish());
  const auto schema = arrow::schema({arrow::field("plan", arrow::utf8())});
  ARROW_RETURN_NOT_OK(printer_->Begin(schema));
  const int64_t rows = column->length();
  ARROW_RETURN_NOT_OK(printer_->Add(
      arrow::RecordBatch::Make(schema, rows, arrow::ArrayVector{std::move(column)})));
  return printer_->End();
}

namespace {

Result<std::string> ReadText(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return errors::kFileUnreadable.Make({.file = path}, "it is a folder");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return errors::kFileNotFound.Make({.file = path}, "");
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  // Some editors begin a text with a byte order mark.
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (file.bad()) return errors::kFileUnreadable.Make({.file = path}, "");
  return text;
}

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// `text`, of SQL or YAML, with stars for what is given to options that may be secret.
// Places stay.
std::string WithoutSecrets(std::string text) {
  const size_t size = text.size();
  auto skip = [&](size_t at, std::string_view what) {
    while (at < size && what.find(text[at]) != what.npos) ++at;
    return at;
  };
  for (size_t at = 0; at < size;) {
    size_t end = at;
    while (end < size && IsWord(text[end])) ++end;
    const std::string_view word = std::string_view(text).substr(at, end - at);
    at = end == at ? at + 1 : end;
    if (!IsSecretName(word)) continue;
    const size_t sign = skip(skip(end, "'\"`"), " \t\r\n");
    if (sign >= size || (text[sign] != '=' && text[sign] != ':')) continue;
    at = skip(sign + 1, text[sign] == '=' ? " \t\r\n" : " \t");
    if (at < size && (text[at] == '\'' || text[at] == '"')) {
      const char quote = text[at++];
      for (; at < size; ++at) {
        if (text[at] == quote) {
          if (at + 1 == size || text[at + 1] != quote) break;
          text[at++] = '*';
        }
        if (text[at] != '\n') text[at] = '*';
      }
    } else {
      constexpr std::string_view kEnds = " \t\r\n,;)}";
      for (; at < size && kEnds.find(text[at]) == kEnds.npos; ++at) text[at] = '*';
    }
  }
  return text;
}

}  // namespace

Result<std::string> ScriptText(const std::string& file,
                               const std::vector<std::string>& variables,
                               const Program& program) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(auto settings, Pairs(variables, "name=value"));
  ARROW_ASSIGN_OR_RAISE(std::string text, ReadText(file));
  auto replaced = engine::Substitute(text, settings, engine->environment());
  if (!replaced.ok()) return WithWhere(replaced.status(), {.file = file});
  return replaced;
}

std::string Excerpt(const std::string& whole, const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (detail == nullptr || detail->where().line < 1 || detail->where().column_number < 1)
    return "";
  const std::string text = WithoutSecrets(whole);
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
