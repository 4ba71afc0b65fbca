#include "millrace/cli/cli.h"

#include <CLI/CLI.hpp>
#include <map>

#include "millrace/base/error.h"
#include "millrace/cli/choices.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/signals.h"

namespace millrace::cli {

Result<std::unique_ptr<engine::Engine>> Program::MakeEngine() const {
  engine::EngineOptions options;
  options.shards = shards;
  options.pin = pin;
  if (!memory.empty()) {
    auto bytes = ParseBytes(memory);
    if (!bytes.ok())
      return errors::kBadArgument.Make({}, "--memory: {}", bytes.status().message());
    if (*bytes < 1)
      return errors::kBadArgument.Make({}, "--memory: it has to be more than 0");
    options.memory_limit = *bytes;
  }
  engine::Surroundings surroundings;
  surroundings.connectors = connectors;
  return engine::Engine::Make(options, std::move(surroundings));
}

Result<std::map<std::string, std::string>> Pairs(const std::vector<std::string>& words,
                                                 const char* form) {
  std::map<std::string, std::string> out;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return errors::kBadArgument.Make({}, "'{}' is not of the form {}", word, form);
    }
    out[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return out;
}

namespace {

void AddProgramOptions(CLI::App& app, Program& program) {
  app.set_version_flag("--version", "millrace " + std::string(engine::Version()));
  app.add_flag("--quiet,-q", program.talk.quiet, "Print errors and results only");
  const std::map<std::string, LogFormat> formats = {{"text", LogFormat::kText},
                                                    {"json", LogFormat::kJson}};
  app.add_option("--log-format", program.talk.format,
                 "Form of what is said on standard error: text or json")
      ->transform(OneOf(formats));
  app.add_option("--shards", program.shards, "Worker threads; one per core when absent")
      ->check(CLI::Range(1, 1024));
  app.add_option("--memory", program.memory,
                 "Memory of a pipeline, as 512MiB; half of the machine's when absent");
  app.add_flag("--pin", program.pin, "Pin every worker thread to a core");
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); }))
    out.push_back(command->get_name());
  return out;
}

void AddOptionNames(const CLI::App& app, std::vector<std::string>& out) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
}

// The words that nobody wanted, and what they may have meant.
Status UnknownWord(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(true);
  const std::string word = left.empty() ? "" : left[0].substr(0, left[0].find('='));
  const auto chosen = app.get_subcommands();
  std::vector<std::string> names;
  const bool option = word.starts_with('-');
  if (option) {
    AddOptionNames(app, names);
    for (const CLI::App* command : chosen) AddOptionNames(*command, names);
  } else if (chosen.empty()) {
    names = CommandNames(app);
  }
  const std::string near = NearestName(word, names);
  const std::string owner = chosen.empty() ? "millrace" : chosen[0]->get_name();
  std::string text;
  if (option) {
    text = fmt::format("{} has no option '{}'", owner, word);
  } else if (chosen.empty()) {
    text = fmt::format("there is no command '{}'", word);
  } else {
    text = fmt::format("{} can't use '{}'", owner, word);
  }
  if (!near.empty()) text += fmt::format("; did you mean '{}'?", near);
  return errors::kBadArgument.MakeText({}, text);
}

// The words may be wrong before CLI11 has read this one.
bool WantsJson(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--log-format=json") return true;
    if (word == "--log-format" && i + 1 < argc && std::string_view(argv[i + 1]) == "json")
      return true;
  }
  return false;
}

int UsageError(const CLI::App& app, const CLI::ParseError& error, Talk talk) {
  const bool extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  Terminal terminal(talk);
  terminal.Error(extra ? UnknownWord(app)
                       : errors::kBadArgument.MakeText({}, error.what()));
  return kExitUsage;
}

}  // namespace

void AddSettings(CLI::App* command, std::vector<std::string>* words) {
  command
      ->add_option("-o,--option", *words,
                   "Setting of the job, as SET takes it: name=value; repeatable")
      ->allow_extra_args(false);
}

Result<std::set<std::string>> ApplySettings(const std::vector<std::string>& words,
                                            engine::JobOptions* options) {
  ARROW_ASSIGN_OR_RAISE(auto settings, Pairs(words, "name=value"));
  const engine::JobOptions defaults;
  std::set<std::string> given;
  for (const auto& [key, value] : settings) {
    ARROW_RETURN_NOT_OK(engine::ApplySetting(key, &value, defaults, options));
    given.insert(key);
  }
  return given;
}

void AddCommands(CLI::App& app, Program& program) {
  app.name("millrace");
  app.description(
      "Millrace moves data at memory speed and computes on it while it moves.");
  app.footer("Example:\n  millrace copy flights.csv flights.parquet");
  app.require_subcommand(0, 1);
  app.fallthrough();
  AddProgramOptions(app, program);
  AddCopy(app, program);
  AddRun(app, program);
  AddSql(app, program);
  AddCheck(app, program);
  AddServe(app, program);
  AddControl(app, program);
  AddCheckpoint(app, program);
  AddDeadLetters(app, program);
  AddConnectors(app, program);
  AddFunctions(app, program);
  AddCompletion(app, program);
  AddDocs(app, program);
}

int Main(int argc, char** argv, std::vector<connector::ConnectorSpec> connectors) {
  TakeSignals();
  CLI::App app;
  Program program;
  program.connectors = std::move(connectors);
  AddCommands(app, program);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    // --help or --version.
    return app.exit(asked) == 0 ? kExitDone : kExitUsage;
  } catch (const CLI::ParseError& error) {
    if (WantsJson(argc, argv)) program.talk.format = LogFormat::kJson;
    return UsageError(app, error, program.talk);
  }
  if (!program.run) {
    std::fputs(app.help().c_str(), stdout);
    return kExitUsage;
  }
  return program.run();
}

}  // namespace millrace::cli
