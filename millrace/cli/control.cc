// Clients of `millrace serve`: status, start, stop, checkpoint now.
#include <cstdio>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/terminal.h"
#include "millrace/server/control_socket.h"
#include "millrace/server/errors.h"
#include "millrace/server/protocol.h"

namespace millrace::cli {

namespace {

using Json = nlohmann::ordered_json;

struct ClientArguments {
  std::string pipeline, socket, savepoint, from;
  bool json = false;
};
using ClientArgumentsPtr = std::shared_ptr<ClientArguments>;

Result<Json> Ask(const ClientArguments& arguments, const char* verb,
                 const Program& program) {
  std::string socket = arguments.socket;
  if (socket.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto engine, program.MakeEngine());
    socket = server::DefaultSocket(engine->environment());
  }
  Json request = {{"do", verb}};
  if (!arguments.pipeline.empty()) request["pipeline"] = arguments.pipeline;
  if (!arguments.savepoint.empty()) request["savepoint"] = arguments.savepoint;
  if (!arguments.from.empty()) request["from"] = arguments.from;
  ARROW_ASSIGN_OR_RAISE(
      const std::string answer,
      server::Call(socket, request.dump(-1, ' ', false, Json::error_handler_t::replace)));
  ARROW_RETURN_NOT_OK(server::StatusOfAnswer(answer));
  return Json::parse(answer, nullptr, /*allow_exceptions=*/false);
}

template <typename T>
T Get(const Json& object, const char* key, T otherwise) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->get<T>() : otherwise;
  } else {
    return found->is_number() ? found->get<T>() : otherwise;
  }
}

// What is wrong, most important first.
std::string Trouble(const Json& pipeline) {
  if (const auto error = pipeline.find("error"); error != pipeline.end()) {
    return Get<std::string>(*error, "text", "");
  }
  const auto connectors = pipeline.find("connectors");
  if (connectors == pipeline.end()) return "";
  for (const Json& connector : *connectors) {
    const std::string health = Get<std::string>(connector, "health", "ok");
    if (health == "ok") continue;
    return fmt::format("{} is {}: {}", Get<std::string>(connector, "name", ""), health,
                       Get<std::string>(connector, "last_error", ""));
  }
  return "ok";
}

void PrintTable(const Json& pipelines) {
  std::printf("%-24s %-9s %12s %12s %10s %8s %9s %8s  %s\n", "pipeline", "state",
              "rows read", "written", "rows/s", "epoch", "age", "restarts", "health");
  for (const Json& one : pipelines) {
    std::string epoch = "-", age = "-";
    if (const auto checkpoint = one.find("checkpoint"); checkpoint != one.end()) {
      epoch = std::to_string(Get<int64_t>(*checkpoint, "epoch", 0));
      age = SecondsText(Get<double>(*checkpoint, "age_seconds", 0));
    }
    std::printf("%-24s %-9s %12s %12s %10s %8s %9s %8s  %s\n",
                Get<std::string>(one, "name", "").c_str(),
                Get<std::string>(one, "state", "").c_str(),
                CountText(Get<int64_t>(one, "rows_read", 0)).c_str(),
                CountText(Get<int64_t>(one, "rows_written", 0)).c_str(),
                CountText(Get<int64_t>(one, "rows_per_second", 0)).c_str(), epoch.c_str(),
                age.c_str(), std::to_string(Get<int64_t>(one, "restarts", 0)).c_str(),
                Trouble(one).c_str());
  }
}

Status ShowStatus(const ClientArguments& arguments, const Program& program, Terminal&) {
  ARROW_ASSIGN_OR_RAISE(const Json answer, Ask(arguments, "status", program));
  const auto pipelines = answer.find("pipelines");
  if (pipelines == answer.end() || !pipelines->is_array()) {
    return errors::kBadAnswer.Make({}, "it lists no pipelines");
  }
  if (arguments.json) {
    std::printf("%s\n",
                pipelines->dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    PrintTable(*pipelines);
  }
  return Status::OK();
}

Status StartOne(const ClientArguments& arguments, const Program& program,
                Terminal& terminal) {
  ARROW_RETURN_NOT_OK(Ask(arguments, "start", program).status());
  terminal.Note("started " + arguments.pipeline);
  return Status::OK();
}

Status StopOne(const ClientArguments& arguments, const Program& program,
               Terminal& terminal) {
  ARROW_RETURN_NOT_OK(Ask(arguments, "stop", program).status());
  terminal.Note("stopped " + arguments.pipeline);
  return Status::OK();
}

Status CheckpointNow(const ClientArguments& arguments, const Program& program,
                     Terminal& terminal) {
  ARROW_ASSIGN_OR_RAISE(const Json answer, Ask(arguments, "checkpoint", program));
  terminal.Note(fmt::format("{} is safe up to epoch {}", arguments.pipeline,
                            Get<int64_t>(answer, "epoch", 0)));
  return Status::OK();
}

using ClientRun = Status (*)(const ClientArguments&, const Program&, Terminal&);

CLI::App* AddClient(CLI::App& parent, Program& program,
                    const ClientArgumentsPtr& arguments, const char* name,
                    const char* doc, bool needs_pipeline, ClientRun run) {
  CLI::App* command = parent.add_subcommand(name, doc);
  auto* pipeline =
      command->add_option("pipeline", arguments->pipeline,
                          needs_pipeline ? "Name of the pipeline" : "Only this pipeline");
  if (needs_pipeline) pipeline->required();
  command->add_option("--socket", arguments->socket,
                      "Where the server listens; control.sock in the folder of "
                      "checkpoints when absent");
  command->callback([arguments, &program, run] {
    program.run = [arguments, &program, run] {
      Terminal terminal(program.talk);
      const Status status = run(*arguments, program, terminal);
      if (!status.ok()) terminal.Error(status);
      return ExitCodeOf(status);
    };
  });
  return command;
}

void AddSavepoint(CLI::App* command, const ClientArgumentsPtr& arguments) {
  command->add_option("--savepoint", arguments->savepoint,
                      "Keep the checkpoint under this name until it is dropped");
}

}  // namespace

void AddControl(CLI::App& app, Program& program) {
  auto status = std::make_shared<ClientArguments>();
  CLI::App* command = AddClient(app, program, status, "status",
                                "Show the pipelines of a server", false, ShowStatus);
  command->add_flag("--json", status->json, "As JSON");
  auto start = std::make_shared<ClientArguments>();
  command =
      AddClient(app, program, start, "start",
                "Start a pipeline of a server; its file is read again", true, StartOne);
  command->add_option("--from", start->from,
                      "Epoch or savepoint to start from; the newest checkpoint when "
                      "absent");
  auto stop = std::make_shared<ClientArguments>();
  command = AddClient(app, program, stop, "stop",
                      "Stop a pipeline of a server at a checkpoint, and wait for that",
                      true, StopOne);
  AddSavepoint(command, stop);
}

void AddCheckpointNow(CLI::App& parent, Program& program) {
  auto arguments = std::make_shared<ClientArguments>();
  AddSavepoint(AddClient(parent, program, arguments, "now",
                         "Let a pipeline of a server make a checkpoint, and wait for it",
                         true, CheckpointNow),
               arguments);
}

}  // namespace millrace::cli
