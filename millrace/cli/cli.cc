#include "millrace/cli/cli.h"

#include <CLI/CLI.hpp>
#include <map>

#include "millrace/cli/commands.h"
#include "millrace/cli/run_job.h"

namespace millrace::cli {

Result<std::unique_ptr<engine::Engine>> Program::MakeEngine() const {
  engine::EngineOptions options;
  options.shards = shards;
  options.pin = pin;
  if (!memory.empty()) {
    ARROW_ASSIGN_OR_RAISE(options.memory_limit, ParseBytes(memory));
  }
  return engine::Engine::Make(options);
}

int Main(int argc, char** argv) {
  BlockSignals();
  CLI::App app("Millrace moves data at memory speed and computes on it while it moves.",
               "millrace");
  app.set_version_flag("--version", "millrace " + std::string(engine::Version()));
  app.require_subcommand(0, 1);
  app.fallthrough();
  Program program;
  app.add_flag("--quiet,-q", program.talk.quiet, "Print errors only");
  const std::map<std::string, LogFormat> formats = {{"text", LogFormat::kText},
                                                    {"json", LogFormat::kJson}};
  app.add_option("--log-format", program.talk.format, "text or json, on standard error")
      ->transform(
          CLI::CheckedTransformer(formats, CLI::ignore_case).description("text|json"));
  app.add_option("--shards", program.shards, "Worker threads; one per core when absent")
      ->check(CLI::Range(1, 1024));
  app.add_option("--memory", program.memory,
                 "Memory of a pipeline, as 512MiB; half of the machine's when absent");
  app.add_flag("--pin", program.pin, "Pin every worker thread to a core");
  AddCopy(app, program);
  AddRun(app, program);
  AddSql(app, program);
  AddCheck(app, program);
  AddConnectors(app, program);
  AddFunctions(app, program);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitDone : kExitUsage;
  }
  if (!program.run) {
    std::fputs(app.help().c_str(), stdout);
    return kExitUsage;
  }
  return program.run();
}

}  // namespace millrace::cli
