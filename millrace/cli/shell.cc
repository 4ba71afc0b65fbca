#include "millrace/cli/shell.h"

#include <editline/readline.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "millrace/base/error.h"
#include "millrace/cli/signals.h"

namespace millrace::cli {

namespace {

constexpr const char* kKeywords[] = {
    "SELECT",   "DISTINCT",    "FROM",          "WHERE",       "GROUP BY", "HAVING",
    "ORDER BY", "LIMIT",       "JOIN",          "LEFT",        "INNER",    "ON",
    "USING",    "UNION ALL",   "WITH",          "AS",          "CASE",     "WHEN",
    "THEN",     "ELSE",        "END",           "CAST",        "CREATE",   "SOURCE",
    "SINK",     "TABLE",       "STREAM",        "INSERT INTO", "EXPLAIN",  "ANALYZE",
    "DROP",     "WINDOW",      "TUMBLING",      "EMIT FINAL",  "INTERVAL", "NULL",
    "DESCRIBE", "SHOW TABLES", "SHOW FUNCTIONS"};

// libedit asks through C callbacks without an argument: what it may offer lives here
// while the shell runs.
struct Completion {
  engine::Engine* engine = nullptr;
  engine::Session* session = nullptr;
  std::vector<std::string> matches;
  size_t next = 0;
};
Completion* active_completion = nullptr;

std::string Lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

char* NextMatch(const char* text, int state) {
  Completion& completion = *active_completion;
  if (state == 0) {
    completion.matches.clear();
    completion.next = 0;
    const std::string start = Lowered(text);
    auto offer = [&](const std::string& name) {
      if (Lowered(name).starts_with(start)) completion.matches.push_back(name);
    };
    for (const char* keyword : kKeywords) offer(keyword);
    for (const std::string& name : completion.session->catalog().Names()) offer(name);
    for (const auto* function : completion.engine->functions().scalars())
      offer(function->doc.name);
    for (const auto* function : completion.engine->functions().aggregates())
      offer(function->doc.name);
  }
  if (completion.next == completion.matches.size()) return nullptr;
  return ::strdup(completion.matches[completion.next++].c_str());
}

// Is the word that begins at `start` of the line inside single quotes?
bool InQuotes(const char* line, int start) {
  return std::count(line, line + start, '\'') % 2 == 1;
}

// Between quotes stands the name of a file, which goes on after a folder's slash.
char** Complete(const char* text, int start, int) {
  const bool quoted = InQuotes(rl_line_buffer, start);
  rl_completion_append_character = quoted ? 0 : ' ';
  rl_attempted_completion_over = 1;
  return rl_completion_matches(text,
                               quoted ? rl_filename_completion_function : NextMatch);
}

// Does `text` hold a whole statement: a semicolon outside quotes and comments, with
// nothing but space behind?
bool IsComplete(const std::string& text) {
  char quote = 0;
  bool ends = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (text.compare(i, 2, "--") == 0) {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (text.compare(i, 2, "/*") == 0) {
      int depth = 0;
      for (; i < text.size(); ++i) {
        const bool opens = text.compare(i, 2, "/*") == 0;
        const bool closes = text.compare(i, 2, "*/") == 0;
        depth += opens ? 1 : closes ? -1 : 0;
        if (opens || closes) ++i;
        if (depth == 0) break;
      }
      if (depth > 0) return false;
      continue;
    }
    if (c == '\'' || c == '"' || c == '`') quote = c;
    if (c == ';') {
      ends = true;
    } else if (!std::isspace(static_cast<unsigned char>(c))) {
      ends = false;
    }
  }
  return quote == 0 && ends;
}

void Help() {
  std::puts(
      "Statements end with ';'. A file is a table: SELECT * FROM 'flights.csv' LIMIT 5;\n"
      ".tables  names that were created    .functions  what can be called    .quit  "
      "leave");
}

// What people type to leave a shell, or to ask for help, without a dot.
std::string Meaning(const std::string& line) {
  std::string word = Lowered(line);
  while (!word.empty() && (word.back() == ';' || word.back() == ' ')) word.pop_back();
  if (word == "exit" || word == "quit" || word == "\\q") return ".quit";
  if (word == "help" || word == "?") return ".help";
  return line;
}

// A line that begins with a dot. False: leave.
bool Command(const std::string& line, engine::Engine& engine, engine::Session& session) {
  if (line == ".quit" || line == ".exit" || line == ".q") return false;
  if (line == ".tables") {
    for (const std::string& name : session.catalog().Names()) std::puts(name.c_str());
  } else if (line == ".functions") {
    for (const auto* function : engine.functions().scalars())
      std::puts(function->doc.signature.c_str());
    for (const auto* function : engine.functions().aggregates())
      std::puts(function->doc.signature.c_str());
  } else {
    Help();
  }
  return true;
}

int RunPipe(engine::Session& session, ScriptListener& listener, Terminal& terminal) {
  const std::string text((std::istreambuf_iterator<char>(std::cin)),
                         std::istreambuf_iterator<char>());
  const Status status = session.Execute(text, "", listener);
  if (!status.ok()) {
    terminal.Error(status);
    terminal.Excerpt(Excerpt(text, status));
  }
  return ExitCodeOf(status);
}

}  // namespace

int RunShell(engine::Engine& engine, engine::Session& session, ScriptListener& listener,
             Terminal& terminal) {
  if (::isatty(STDIN_FILENO) != 1) return RunPipe(session, listener, terminal);
  Completion completion{&engine, &session, {}, 0};
  active_completion = &completion;
  // Without a character type libedit drops all bytes beyond ASCII.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  rl_readline_name = const_cast<char*>("millrace");
  rl_attempted_completion_function = Complete;
  using_history();
  const char* home = std::getenv("HOME");
  const std::string history =
      home != nullptr ? std::string(home) + "/.millrace_history" : "";
  if (!history.empty()) read_history(history.c_str());
  std::printf("millrace %s. Statements end with ';', .help for more.\n",
              std::string(engine::Version()).c_str());
  std::string text;
  for (;;) {
    char* line = nullptr;
    bool interrupted = false;
    {
      const PromptSignals signals;
      line = readline(text.empty() ? "millrace> " : "     ...> ");
      interrupted = PromptSignals::interrupted();
    }
    if (interrupted) {
      // What was typed is forgotten, as in other shells.
      std::free(line);
      text.clear();
      std::fputs("\n", stdout);
      continue;
    }
    if (line == nullptr) break;
    const std::string input = text.empty() ? Meaning(line) : line;
    std::free(line);
    if (text.empty() && input.empty()) continue;
    if (text.empty() && input[0] == '.') {
      if (!Command(input, engine, session)) break;
      continue;
    }
    text += (text.empty() ? "" : "\n") + input;
    if (!IsComplete(text)) continue;
    add_history(text.c_str());
    const Status status = session.Execute(text, "", listener);
    if (!status.ok()) {
      terminal.Error(status);
      terminal.Excerpt(Excerpt(text, status));
    }
    text.clear();
  }
  if (!history.empty()) write_history(history.c_str());
  active_completion = nullptr;
  return kExitDone;
}

}  // namespace millrace::cli
