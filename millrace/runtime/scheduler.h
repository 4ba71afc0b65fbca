// Scheduler: the process's shards. Injected, so that a simulation can run every shard on
// one thread in any order.
#pragma once

#include <functional>
#include <memory>

#include "millrace/base/budget.h"
#include "millrace/runtime/shard.h"

namespace millrace::runtime {

/// Owns the shards; they belong to the process, not to a pipeline. Thread-safe.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual int shards() const = 0;
  virtual Shard& shard(int index) = 0;
  /// Return once `done` answers true. Threads: sleeps until Notify. Simulation: drives
  /// the shards.
  virtual void RunUntil(const std::function<bool()>& done) = 0;
  /// Something that RunUntil waits for may have changed. Conditions are looked at on the
  /// caller's thread too: it must not hold a lock that one of them takes.
  virtual void Notify() = 0;
};

/// One thread a shard, pinned to core i mod cores when `pin`. The destructor stops and
/// joins; every pipeline must have ended.
std::unique_ptr<Scheduler> MakeThreadScheduler(int shards, bool pin);

}  // namespace millrace::runtime
