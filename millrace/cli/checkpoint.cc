// `millrace checkpoint list|show|drop`: what pipelines have left to go on from.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/calendar.h"
#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/terminal.h"
#include "millrace/engine/checkpoints.h"

namespace millrace::cli {

namespace {

struct Arguments {
  std::string pipeline;
  std::string checkpoint;
  std::string state_dir;
  std::vector<std::string> settings;

  Result<engine::JobOptions> Options() const {
    engine::JobOptions out;
    ARROW_RETURN_NOT_OK(ApplySettings(settings, &out).status());
    if (!state_dir.empty()) out.state_dir = state_dir;
    return out;
  }
};

std::string TimeText(int64_t micros) {
  std::string out;
  AppendTimestamp(micros / 1'000'000, 1, &out);
  return out;
}

std::string NameOf(const engine::CheckpointInfo& info) {
  return info.savepoint.empty() ? std::to_string(info.epoch.value) : info.savepoint;
}

Status List(const Arguments& arguments, engine::Engine& engine) {
  ARROW_ASSIGN_OR_RAISE(const engine::JobOptions options, arguments.Options());
  engine::Checkpoints checkpoints(&engine, options);
  ARROW_ASSIGN_OR_RAISE(auto pipelines, checkpoints.Pipelines());
  if (!arguments.pipeline.empty()) {
    ARROW_RETURN_NOT_OK(checkpoints.CheckKnown(arguments.pipeline));
    pipelines = {arguments.pipeline};
  }
  // A table is not begun that an error would end.
  std::vector<std::vector<engine::CheckpointInfo>> lists;
  for (const std::string& pipeline : pipelines) {
    ARROW_ASSIGN_OR_RAISE(auto found, checkpoints.List(pipeline));
    lists.push_back(std::move(found));
  }
  std::printf("%-24s %-16s %-10s %-20s %10s %10s\n", "pipeline", "checkpoint", "kind",
              "made (UTC)", "bytes", "state");
  for (size_t i = 0; i < lists.size(); ++i) {
    for (const engine::CheckpointInfo& info : lists[i]) {
      std::printf("%-24s %-16s %-10s %-20s %10s %10s\n", pipelines[i].c_str(),
                  NameOf(info).c_str(), info.KindText().c_str(),
                  TimeText(info.made_micros).c_str(),
                  BytesText(static_cast<double>(info.manifest_bytes)).c_str(),
                  BytesText(static_cast<double>(info.state_bytes)).c_str());
    }
  }
  return Status::OK();
}

Status Show(const Arguments& arguments, engine::Engine& engine) {
  ARROW_ASSIGN_OR_RAISE(const engine::JobOptions options, arguments.Options());
  engine::Checkpoints checkpoints(&engine, options);
  ARROW_ASSIGN_OR_RAISE(std::string text,
                        checkpoints.Show(arguments.pipeline, arguments.checkpoint));
  std::fputs(text.c_str(), stdout);
  return Status::OK();
}

Status Drop(const Arguments& arguments, engine::Engine& engine) {
  ARROW_ASSIGN_OR_RAISE(const engine::JobOptions options, arguments.Options());
  engine::Checkpoints checkpoints(&engine, options);
  ARROW_ASSIGN_OR_RAISE(const int64_t pieces,
                        checkpoints.Drop(arguments.pipeline, arguments.checkpoint));
  if (pieces > 0) {
    std::printf("removed %lld file%s that waited for a commit\n",
                static_cast<long long>(pieces), pieces == 1 ? "" : "s");
  }
  return Status::OK();
}

void AddOne(CLI::App* parent, Program& program, const char* name, const char* doc,
            Status (*run)(const Arguments&, engine::Engine&), bool needs_pipeline,
            const char* checkpoint_doc) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = parent->add_subcommand(name, doc);
  auto* pipeline = command->add_option(
      "pipeline", arguments->pipeline,
      needs_pipeline ? "Name of the pipeline" : "Only those of this pipeline");
  if (needs_pipeline) pipeline->required();
  if (checkpoint_doc != nullptr)
    command->add_option("checkpoint", arguments->checkpoint, checkpoint_doc);
  command->add_option(
      "--state-dir", arguments->state_dir,
      "Folder of checkpoints, or s3://bucket/prefix; $MILLRACE_STATE_DIR or the user's "
      "own when absent");
  AddSettings(command, &arguments->settings);
  command->callback([arguments, &program, run] {
    program.run = [arguments, &program, run] {
      Terminal terminal(program.talk);
      auto engine = program.MakeEngine();
      const Status status = engine.ok() ? run(*arguments, **engine) : engine.status();
      if (!status.ok()) terminal.Error(status);
      return ExitCodeOf(status);
    };
  });
}

}  // namespace

void AddCheckpoint(CLI::App& app, Program& program) {
  CLI::App* command =
      app.add_subcommand("checkpoint", "See and drop what pipelines go on from");
  command->footer(
      "Examples:\n"
      "  millrace checkpoint list\n"
      "  millrace checkpoint show orders 42\n"
      "  millrace checkpoint drop orders");
  command->require_subcommand(1);
  AddOne(command, program, "list", "List checkpoints and savepoints", List, false,
         nullptr);
  AddOne(command, program, "show", "Show what a checkpoint says", Show, true,
         "Epoch or savepoint; the newest when absent");
  AddOne(command, program, "drop",
         "Drop a savepoint, or all that the pipeline has left: its next run begins anew",
         Drop, true, "Savepoint to drop; everything when absent");
  AddCheckpointNow(*command, program);
}

}  // namespace millrace::cli
