// Simulation: the same shards and tasks on one thread, in an order that a seed decides.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "millrace/base/clock.h"
#include "millrace/base/executor.h"
#include "millrace/base/random.h"
#include "millrace/base/timers.h"
#include "millrace/runtime/scheduler.h"

namespace millrace::runtime {

/// Connector work, run by the simulated scheduler at moments that it chooses. Used by one
/// thread.
class SimulatedExecutor final : public Executor {
 public:
  void Submit(std::function<void()> work) override {
    waiting_.push_back(std::move(work));
  }
  size_t waiting() const { return waiting_.size(); }
  /// Run waiting piece `index`.
  void Run(size_t index);

 private:
  std::deque<std::function<void()>> waiting_;
};

/// Timers of the simulated clock, fired by the simulated scheduler. Used by one thread.
class SimulatedTimers final : public Timers {
 public:
  explicit SimulatedTimers(ManualClock* clock) : clock_(clock) {}
  void WakeAt(int64_t nanos, Waker waker) override {
    waiting_.emplace(nanos, std::move(waker));
  }
  bool empty() const { return waiting_.empty(); }
  /// Fire what is due; answers whether there was any.
  bool Fire();
  /// Let the clock reach the next one and fire it: nothing else can happen before.
  void FireNext();

 private:
  ManualClock* const clock_;
  std::multimap<int64_t, Waker> waiting_;
};

/// Picks, step by step and at random, a ready task of any shard (with a random small
/// budget) or a waiting piece of connector work; the clock moves a little at every step.
/// One seed gives one run.
class SimulatedScheduler final : public Scheduler {
 public:
  /// `timers` may be null: then there are none.
  SimulatedScheduler(int shards, uint64_t seed, ManualClock* clock,
                     SimulatedExecutor* executor, SimulatedTimers* timers = nullptr);

  int shards() const override { return static_cast<int>(shards_.size()); }
  Shard& shard(int index) override { return shards_[static_cast<size_t>(index)]; }
  /// Steps until `done`, or until nothing can ever happen again: then stuck() answers
  /// true.
  void RunUntil(const std::function<bool()>& done) override;
  void Notify() override {}
  bool stuck() const { return stuck_; }
  int64_t steps() const { return steps_; }

 private:
  bool Step();
  std::deque<Shard> shards_;
  Random random_;
  ManualClock* const clock_;
  SimulatedExecutor* const executor_;
  SimulatedTimers* const timers_;
  bool stuck_ = false;
  int64_t steps_ = 0;
};

}  // namespace millrace::runtime
