// HeadKeeper: one process's hold on the head of a pipeline in an object store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "millrace/base/clock.h"
#include "millrace/base/executor.h"
#include "millrace/base/timers.h"
#include "millrace/connector/store_access.h"
#include "millrace/state/pipeline_head.h"

namespace millrace::state {

/// How a living owner is told from a dead one. Nanoseconds.
struct Lease {
  int64_t beat_nanos = 5'000'000'000;       ///< between two signs of life
  int64_t patience_nanos = 20'000'000'000;  ///< without one, an owner counts as gone
};

/// What a keeper uses of its surroundings; all of it outlives the keeper.
struct KeeperContext {
  std::shared_ptr<connector::StoreAccess> access;
  const Clock* clock = nullptr;
  Timers* timers = nullptr;      ///< null: no signs of life
  Executor* executor = nullptr;  ///< the same
  std::function<Status()> given_up;
  Lease lease;
};

/// Takes the head, changes it, gives it back. Thread-safe; calls block.
///
/// Whoever holds it replaces the object on the condition that it is the one they wrote
/// last. So a holder that was thought dead, and was replaced by another, can change
/// nothing any more, however late it comes back: kPipelineTaken, from then on.
class HeadKeeper : public std::enable_shared_from_this<HeadKeeper> {
 public:
  /// `key`: of the object. `pipeline`: its name, for errors.
  HeadKeeper(KeeperContext context, std::string key, std::string pipeline);
  /// After this nothing is asked of the store any more. The head becomes free where that
  /// can be reached; otherwise the next one finds out.
  void Close();

  /// Wait until it is certain whether the pipeline is free: at once where it is, or where
  /// its owner is a process of this machine that has gone; otherwise until the owner gave
  /// a sign of life (kPipelineTaken) or none for too long. Fails with kNoConditions where
  /// the store does not keep owners apart.
  Status Acquire();

  /// The head as this process knows it, or else as it is; empty where there is none.
  Result<std::optional<PipelineHead>> Look();
  bool held();
  /// Why it is not held, where it is not.
  Status CheckHeld();
  /// Do `change` to it and make that durable. `change` may be called several times. What
  /// failed may have been done all the same, unless it is kPipelineTaken.
  Status Change(const std::function<Status(PipelineHead&)>& change);
  /// The head goes, where it is still ours. Frees the pipeline.
  Status Remove();

 private:
  class Pulse;
  struct Seen {
    PipelineHead head;
    std::string etag;
  };

  Result<std::optional<Seen>> Fetch();
  /// One attempt to become the owner after what was seen; false: somebody was faster.
  Result<bool> Take(const std::optional<Seen>& seen);
  Status CheckConditions();
  Status TakenBy(const std::optional<PipelineHead>& head, const char* more) const;
  void Beat();
  void ArmBeat();
  Status ChangeLocked(const std::function<Status(PipelineHead&)>& change);

  const KeeperContext context_;
  const std::string key_;
  const std::string pipeline_;
  const std::string where_;
  const ProcessMark own_ = ProcessMark::Own();

  std::mutex mutex_;
  // Under mutex_.
  std::optional<Seen> held_;
  Status lost_;  // why it is not held any more
};

}  // namespace millrace::state
