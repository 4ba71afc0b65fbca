// Checkpoints of pipelines, for people: list, show, drop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/manifest_store.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/settings.h"
#include "millrace/state/place.h"

namespace millrace::engine {

struct CheckpointInfo {
  Epoch epoch;
  std::string savepoint;  ///< its name, if it has one
  connector::ManifestState state = connector::ManifestState::kDecided;
  bool damaged = false;
  int64_t made_micros = 0;
  int64_t manifest_bytes = 0;
  int64_t state_bytes = 0;  ///< of the state files' ranges that it names

  /// "checkpoint", "savepoint", "pending" or "damaged".
  std::string KindText() const;
};

/// Reads only, and takes no pipeline, except Drop. Used by one thread.
class Checkpoints {
 public:
  /// Those that a job of these options would write.
  Checkpoints(Engine* engine, const JobOptions& options);

  Result<std::vector<std::string>> Pipelines();
  /// Has the pipeline left anything (kNoSuchState)? Show and Drop ask it too.
  Status CheckKnown(const std::string& pipeline);
  Result<std::vector<CheckpointInfo>> List(const std::string& pipeline);
  /// `which`: an epoch or a savepoint, empty for the newest. Lines of text.
  Result<std::string> Show(const std::string& pipeline, const std::string& which);
  /// `which`: a savepoint, empty for everything, pieces that wait for a commit included;
  /// answers how many of those. A pipeline that runs is refused (kPipelineTaken).
  Result<int64_t> Drop(const std::string& pipeline, const std::string& which);

 private:
  Result<int64_t> DropStrays(connector::ManifestStore& store);
  Result<std::unique_ptr<connector::ManifestStore>> Store(const std::string& pipeline);
  Result<connector::ManifestEntry> Find(connector::ManifestStore& store,
                                        const std::string& pipeline,
                                        const std::string& which);
  Engine* const engine_;
  const state::Place place_;
  const connector::Surroundings surroundings_;
};

}  // namespace millrace::engine
