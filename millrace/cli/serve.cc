// `millrace serve`: a folder of pipelines in one process.
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/signals.h"
#include "millrace/cli/terminal.h"
#include "millrace/server/control_server.h"
#include "millrace/server/errors.h"
#include "millrace/server/supervisor.h"

namespace millrace::cli {

namespace {

constexpr std::chrono::milliseconds kSignalPoll(50);

struct ServeArguments {
  std::string folder;
  std::string socket;
  std::vector<std::string> settings;
};

Status Serve(const ServeArguments& arguments, const Program& program,
             Terminal& terminal) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  engine::JobOptions options;
  ARROW_RETURN_NOT_OK(ApplySettings(arguments.settings, &options).status());
  const std::string socket = arguments.socket.empty()
                                 ? server::DefaultSocket(engine->environment())
                                 : arguments.socket;
  // Before anything runs, so that a second server touches no pipeline.
  ARROW_ASSIGN_OR_RAISE(auto control, server::ControlServer::Make(socket));
  server::Supervisor supervisor(engine.get(), arguments.folder, options);
  const JobSignals signals;
  ARROW_RETURN_NOT_OK(supervisor.StartAll());
  ARROW_RETURN_NOT_OK(control->Start(&supervisor));
  terminal.Note("listens on " + socket);
  while (JobSignals::caught() == 0) std::this_thread::sleep_for(kSignalPoll);
  terminal.Note("stops all pipelines");
  control->Stop();
  Status status = supervisor.StopAll();
  // Waits for the last answers; the supervisor outlives it.
  control.reset();
  ARROW_ASSIGN_OR_RAISE(const auto pipelines, supervisor.Look(""));
  for (const server::PipelineStatus& one : pipelines) {
    if (one.state != server::PipelineState::kFailed) continue;
    terminal.Note(fmt::format("pipeline '{}' had failed", one.name));
    if (status.ok()) status = one.error;
  }
  return status;
}

}  // namespace

void AddServe(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* command = app.add_subcommand(
      "serve", "Run every pipeline of a folder, until SIGTERM or SIGINT");
  command->footer(
      "Exit code 0: every pipeline was stopped at a checkpoint, or had ended.\n"
      "Example:\n  millrace serve pipelines");
  command
      ->add_option("folder", arguments->folder,
                   "Folder with YAML pipelines (.yaml, .yml) and SQL scripts (.sql)")
      ->required();
  command->add_option("--socket", arguments->socket,
                      "Where clients reach it; control.sock in the folder of "
                      "checkpoints when absent");
  AddSettings(command, &arguments->settings);
  command->callback([arguments, &program] {
    program.run = [arguments, &program] {
      Terminal terminal(program.talk);
      const Status status = Serve(*arguments, program, terminal);
      if (!status.ok()) terminal.Error(status);
      return ExitCodeOf(status);
    };
  });
}

}  // namespace millrace::cli
