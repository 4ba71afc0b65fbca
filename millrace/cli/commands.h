// The commands of the program: each declares its options and says how to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/cli/terminal.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/settings.h"

namespace millrace::cli {

/// Options of the program itself, and what a chosen command leaves behind.
struct Program {
  Talk talk;
  int shards = 0;
  std::string memory;
  bool pin = false;
  std::vector<connector::ConnectorSpec> connectors;  ///< beside the built-in ones
  /// Set by the command that was chosen; answers the exit code.
  std::function<int()> run;

  /// The engine with these options.
  Result<std::unique_ptr<engine::Engine>> MakeEngine() const;
};

/// Every command and option of the program, on an empty `app`.
void AddCommands(CLI::App& app, Program& program);

/// "key=value" words as a map; `form` is how an error says that they should look.
Result<std::map<std::string, std::string>> Pairs(const std::vector<std::string>& words,
                                                 const char* form);

/// The option --option, and its words put into `options`.
void AddSettings(CLI::App* command, std::vector<std::string>* words);
/// Returns the names of what was given.
Result<std::set<std::string>> ApplySettings(const std::vector<std::string>& words,
                                            engine::JobOptions* options);

void AddCopy(CLI::App& app, Program& program);
void AddRun(CLI::App& app, Program& program);
void AddSql(CLI::App& app, Program& program);
void AddCheck(CLI::App& app, Program& program);
void AddCheckpoint(CLI::App& app, Program& program);
void AddServe(CLI::App& app, Program& program);
/// status, start, stop: clients of a server.
void AddControl(CLI::App& app, Program& program);
/// `checkpoint now`, below `checkpoint`.
void AddCheckpointNow(CLI::App& parent, Program& program);
void AddDeadLetters(CLI::App& app, Program& program);
void AddConnectors(CLI::App& app, Program& program);
void AddFunctions(CLI::App& app, Program& program);
void AddCompletion(CLI::App& app, Program& program);
/// Hidden: writes the generated pages of the reference.
void AddDocs(CLI::App& app, Program& program);

/// The completion script of `app` for "bash", "zsh" or "fish".
std::string CompletionScript(const CLI::App& app, const engine::Engine& engine,
                             const std::string& shell);

}  // namespace millrace::cli
