// Engine: the composition root. It knows every connector, format and function, and lends
// clock, shards, threads and files to the pipelines.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/config/config.h"
#include "millrace/base/executor.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/timers.h"
#include "millrace/connector/registry.h"
#include "millrace/expr/function.h"
#include "millrace/formats/format.h"
#include "millrace/io/file_system.h"
#include "millrace/operators/spill/spill_space.h"
#include "millrace/runtime/scheduler.h"

namespace millrace::engine {

struct EngineOptions {
  int shards = 0;  ///< 0: one per core
  bool pin = false;
  /// Bytes that one pipeline may hold; 0: half of the machine's memory.
  int64_t memory_limit = 0;
};

/// What a simulation replaces or a program adds. A member that is null is made by the
/// engine.
struct Surroundings {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Timers> timers;
  std::unique_ptr<runtime::Scheduler> scheduler;
  std::shared_ptr<io::FileSystem> files;
  ConfigSpec::Lookup environment;                    ///< empty: the process's variables
  std::vector<connector::ConnectorSpec> connectors;  ///< beside the built-in ones
};

/// One per process, usually. Thread-safe after Make; outlives its sessions and jobs.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Make(const EngineOptions& options,
                                              Surroundings surroundings = {});
  ~Engine();

  const connector::Registry& connectors() const { return connectors_; }
  const expr::FunctionRegistry& functions() const { return functions_; }
  const std::vector<std::shared_ptr<const formats::Format>>& formats() const {
    return formats_;
  }
  const Clock& clock() const { return *clock_; }
  Executor& executor() { return *executor_; }
  Timers& timers() { return *timers_; }
  /// In $MILLRACE_SPILL_DIR, or the folder for temporary files.
  operators::SpillSpace& spill() { return *spill_; }
  /// The shards; threads start at the first call.
  runtime::Scheduler& scheduler();
  int shards() const { return shards_; }
  io::FileSystem& files() { return *files_; }
  const std::shared_ptr<io::FileSystem>& shared_files() const { return files_; }
  const ConfigSpec::Lookup& environment() const { return environment_; }

  /// A fresh budget for one pipeline.
  std::shared_ptr<MemoryBudget> NewBudget() const;
  /// What a connector of pipeline `name` gets.
  connector::Surroundings For(const std::string& name,
                              std::shared_ptr<MemoryBudget> memory);

 private:
  Engine() = default;
  Status RegisterBuiltIns();

  int shards_ = 1;
  bool pin_ = false;
  int64_t memory_limit_ = 0;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Timers> timers_;  // outlive the executor, whose work may use them
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<operators::SpillSpace> spill_;
  std::shared_ptr<io::FileSystem> files_;
  ConfigSpec::Lookup environment_;
  std::vector<std::shared_ptr<const formats::Format>> formats_;
  connector::Registry connectors_;
  expr::FunctionRegistry functions_;
  std::mutex starting_;  // of the shards: pipelines are made by several threads
  std::unique_ptr<runtime::Scheduler> scheduler_;
};

/// The version of this build, "0.1.0".
std::string_view Version();

/// Every numbered error there is, for the reference page.
std::vector<const ErrorSpec*> AllErrors();

}  // namespace millrace::engine
