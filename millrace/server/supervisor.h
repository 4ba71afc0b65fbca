// Supervisor: the pipelines of one folder, by name, in one process.
//
// They share the engine: its shards, its executor, its timers. One that fails leaves the
// others alone. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/engine/engine.h"
#include "millrace/engine/settings.h"
#include "millrace/server/managed_pipeline.h"

namespace millrace::server {

class Supervisor {
 public:
  /// `defaults`: settings that files may change. `engine` outlives the supervisor.
  Supervisor(engine::Engine* engine, std::string folder, engine::JobOptions defaults);
  ~Supervisor();

  /// Find the files and start all. Fails with kNoPipelines where the folder can't be
  /// read; what is wrong with one file is told by its status.
  Status StartAll();
  /// Ask all to stop and wait for them. OK when every one that ran has ended as asked.
  Status StopAll();

  /// Reads the file again. `from`: an epoch or savepoint, and then it returns when the
  /// pipeline runs from there, or fails (kNoCheckpoint); empty: the newest checkpoint.
  /// A name that is new is looked for in the folder.
  Status Start(const std::string& name, const std::string& from);
  /// Returns when it has ended.
  Status Stop(const std::string& name, const std::string& savepoint);
  /// The newest epoch, once all that was read before is in it.
  Result<int64_t> Checkpoint(const std::string& name, const std::string& savepoint);

  /// `name` empty: of all, by name.
  Result<std::vector<PipelineStatus>> Look(const std::string& name);
  const Clock& clock() const { return engine_->clock(); }

 private:
  using PipelinePtr = std::shared_ptr<ManagedPipeline>;
  Result<PipelinePtr> Find(const std::string& name);
  std::vector<PipelinePtr> All();
  // Files of the folder that are not known yet.
  Result<std::vector<PipelinePtr>> Discover();
  Status Run(ManagedPipeline& pipeline, const std::string& from);

  engine::Engine* const engine_;
  const std::string folder_;
  const engine::JobOptions defaults_;
  std::mutex discovering_;  // taken before mutex_
  std::mutex mutex_;
  std::map<std::string, PipelinePtr> pipelines_;
};

}  // namespace millrace::server
