// `millrace sql`, `millrace run` and `millrace check`.
#include <cstdio>
#include <map>
#include <memory>
#include <sstream>

#include "millrace/base/error.h"
#include "millrace/cli/choices.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/script.h"
#include "millrace/cli/shell.h"
#include "millrace/engine/yaml_pipeline.h"

namespace millrace::cli {

namespace {

struct Arguments {
  std::string statement;
  std::string file;
  std::string dead_letters, max_dead_letters;
  std::vector<std::string> variables;
  std::vector<std::string> settings;
  bool keep_going = false;
  ResultFormat format = ResultFormat::kTable;
  int64_t max_rows = 40;
};

// What the commands share: an engine, a session, a printer.
class Runner {
 public:
  static Result<std::unique_ptr<Runner>> Make(const Arguments& arguments,
                                              const Program& program,
                                              Terminal* terminal) {
    std::unique_ptr<Runner> runner(new Runner);
    ARROW_ASSIGN_OR_RAISE(runner->engine_, program.MakeEngine());
    engine::JobOptions options;
    options.name.text = arguments.file.empty() ? "sql" : arguments.file;
    if (!arguments.dead_letters.empty()) options.dead_letters = arguments.dead_letters;
    if (!arguments.max_dead_letters.empty()) {
      ARROW_ASSIGN_OR_RAISE(options.max_dead_letters,
                            engine::DeadLetterLimit::Parse(arguments.max_dead_letters));
    }
    ARROW_ASSIGN_OR_RAISE(auto given, ApplySettings(arguments.settings, &options));
    if (!arguments.dead_letters.empty()) given.insert("dead_letters");
    if (!arguments.max_dead_letters.empty()) given.insert("max_dead_letters");
    if (arguments.keep_going) {
      options.on_error = engine::OnStatementError::kContinue;
      given.insert("on_error");
    }
    // What is typed after the command line comes later and counts; a file was there
    // before.
    if (!arguments.file.empty()) options.fixed = std::move(given);
    runner->session_ = std::make_unique<engine::Session>(runner->engine_.get(), options);
    runner->printer_ =
        MakeResultPrinter(arguments.format, arguments.max_rows, ProcessMemoryPool());
    if (arguments.format == ResultFormat::kCsv ||
        arguments.format == ResultFormat::kJson) {
      ARROW_ASSIGN_OR_RAISE(
          auto table,
          runner->session_->catalog().WritableTable(
              "-",
              {{"format", arguments.format == ResultFormat::kCsv ? "csv" : "json"}}));
      runner->session_->SendResultsTo(std::move(table));
    }
    runner->listener_ = std::make_unique<ScriptListener>(
        runner->printer_.get(), terminal, arguments.format == ResultFormat::kArrow);
    return runner;
  }

  engine::Engine& engine() { return *engine_; }
  engine::Session& session() { return *session_; }
  ScriptListener& listener() { return *listener_; }

 private:
  Runner() = default;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Session> session_;
  std::unique_ptr<ResultPrinter> printer_;
  std::unique_ptr<ScriptListener> listener_;
};

int Report(const Status& status, const std::string& text, Terminal& terminal) {
  if (!status.ok()) {
    terminal.Error(status);
    terminal.Excerpt(Excerpt(text, status));
  }
  return ExitCodeOf(status);
}

int RunText(const std::string& text, const Arguments& arguments, const Program& program) {
  Terminal terminal(program.talk);
  auto runner = Runner::Make(arguments, program, &terminal);
  if (!runner.ok()) return Report(runner.status(), text, terminal);
  engine::Session& session = (*runner)->session();
  const Status status =
      engine::IsYamlPath(arguments.file)
          ? session.ExecutePipeline(text, arguments.file, (*runner)->listener())
          : session.Execute(text, arguments.file, (*runner)->listener());
  return Report(status, text, terminal);
}

int RunFile(const Arguments& arguments, const Program& program) {
  auto text = ScriptText(arguments.file, arguments.variables, program);
  if (!text.ok()) {
    Terminal terminal(program.talk);
    return Report(text.status(), "", terminal);
  }
  return RunText(*text, arguments, program);
}

int CheckFile(const Arguments& arguments, const Program& program) {
  Terminal terminal(program.talk);
  auto text = ScriptText(arguments.file, arguments.variables, program);
  if (!text.ok()) return Report(text.status(), "", terminal);
  auto runner = Runner::Make(arguments, program, &terminal);
  if (!runner.ok()) return Report(runner.status(), "", terminal);
  connector::Report report;
  std::vector<std::string> plans;
  engine::Session& session = (*runner)->session();
  if (engine::IsYamlPath(arguments.file)) {
    session.CheckPipeline(*text, arguments.file, report, plans);
  } else {
    session.Check(*text, arguments.file, report, plans);
  }
  for (const std::string& plan : plans) std::printf("%s\n", plan.c_str());
  for (const connector::Finding& finding : report.findings()) {
    using Severity = connector::Finding::Severity;
    const char* level = finding.severity == Severity::kError     ? "error"
                        : finding.severity == Severity::kWarning ? "warning"
                                                                 : "ok";
    std::printf("%-8s%s: %s\n", level, finding.subject.c_str(), finding.text.c_str());
  }
  return report.has_errors() ? kExitUsage : kExitDone;
}

void AddResultOptions(CLI::App* command, Arguments& arguments) {
  static const std::map<std::string, ResultFormat> formats = {
      {"table", ResultFormat::kTable},
      {"csv", ResultFormat::kCsv},
      {"json", ResultFormat::kJson},
      {"arrow", ResultFormat::kArrow}};
  command
      ->add_option("--format", arguments.format,
                   "Form of results: table, csv, json or arrow")
      ->transform(OneOf(formats));
  command->add_option("--rows", arguments.max_rows, "Rows of a table that are shown")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--dead-letters", arguments.dead_letters,
                      "File for rows that are set aside, where the source has "
                      "on_error=dead_letter; discard only counts them");
  command->add_option("--max-dead-letters", arguments.max_dead_letters,
                      "More rows set aside end the run: a number, or a share like 0.5%");
  AddSettings(command, &arguments.settings);
}

}  // namespace

void AddSql(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("sql", "Run SQL statements, or open a shell");
  command->footer(
      "Examples:\n"
      "  millrace sql -c \"SELECT origin, COUNT(*) FROM 'flights.csv' GROUP BY origin\"\n"
      "  millrace sql --format csv < report.sql > report.csv");
  command->add_option("-c,--command", arguments->statement, "Statements to run");
  AddResultOptions(command, *arguments);
  command->callback([arguments, &program] {
    program.run = [arguments, &program] {
      if (!arguments->statement.empty())
        return RunText(arguments->statement, *arguments, program);
      Terminal terminal(program.talk);
      auto runner = Runner::Make(*arguments, program, &terminal);
      if (!runner.ok()) return Report(runner.status(), "", terminal);
      return RunShell((*runner)->engine(), (*runner)->session(), (*runner)->listener(),
                      terminal);
    };
  });
}

void AddRun(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", "Run a SQL script or a YAML pipeline");
  command->footer("Example:\n  millrace run delays.sql --set data=/srv/data");
  command
      ->add_option("file", arguments->file, "SQL script, or YAML pipeline (.yaml, .yml)")
      ->required();
  command
      ->add_option("--set", arguments->variables,
                   "Value of a ${variable}, as name=value; repeatable")
      ->allow_extra_args(false);
  command->add_flag("--keep-going", arguments->keep_going,
                    "Run the other statements when one fails; the same as -o "
                    "on_error=continue");
  AddResultOptions(command, *arguments);
  command->callback([arguments, &program] {
    program.run = [arguments, &program] { return RunFile(*arguments, program); };
  });
}

void AddCheck(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "check",
      "Plan a script or pipeline and look for all that would fail, moving nothing");
  command->footer("Example:\n  millrace check pipeline.yaml --set data=/srv/data");
  command
      ->add_option("file", arguments->file, "SQL script, or YAML pipeline (.yaml, .yml)")
      ->required();
  command
      ->add_option("--set", arguments->variables,
                   "Value of a ${variable}, as name=value; repeatable")
      ->allow_extra_args(false);
  command->callback([arguments, &program] {
    program.run = [arguments, &program] { return CheckFile(*arguments, program); };
  });
}

}  // namespace millrace::cli
