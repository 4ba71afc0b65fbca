#include "millrace/runtime/simulated_scheduler.h"

#include <utility>
#include <vector>

namespace millrace::runtime {

void SimulatedExecutor::Run(size_t index) {
  std::function<void()> work = std::move(waiting_[index]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  work();
}

bool SimulatedTimers::Fire() {
  bool any = false;
  while (!waiting_.empty() && waiting_.begin()->first <= clock_->MonotonicNanos()) {
    const Waker waker = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    waker.Wake();
    any = true;
  }
  return any;
}

void SimulatedTimers::FireNext() {
  const int64_t left = waiting_.begin()->first - clock_->MonotonicNanos();
  if (left > 0) clock_->Advance(left);
  Fire();
}

SimulatedScheduler::SimulatedScheduler(int shards, uint64_t seed, ManualClock* clock,
                                       SimulatedExecutor* executor,
                                       SimulatedTimers* timers)
    : shards_(static_cast<size_t>(shards)),
      random_(seed),
      clock_(clock),
      executor_(executor),
      timers_(timers) {}

bool SimulatedScheduler::Step() {
  if (timers_ != nullptr) timers_->Fire();
  std::vector<std::pair<Shard*, size_t>> choices;
  for (Shard& shard : shards_) {
    const size_t ready = shard.Collect();
    for (size_t i = 0; i < ready; ++i) choices.emplace_back(&shard, i);
  }
  const size_t pieces = executor_->waiting();
  if (choices.empty() && pieces == 0) {
    if (timers_ == nullptr || timers_->empty()) return false;
    timers_->FireNext();
    ++steps_;
    return true;
  }
  ++steps_;
  clock_->Advance(static_cast<int64_t>(random_.Below(1'000'000)));
  const uint64_t pick = random_.Below(choices.size() + pieces);
  if (pick >= choices.size()) {
    executor_->Run(pick - choices.size());
    return true;
  }
  Budget budget;
  budget.rows = static_cast<int64_t>(1 + random_.Below(64));
  budget.bytes = static_cast<int64_t>(64 + random_.Below(4096));
  auto [shard, index] = choices[pick];
  shard->Run(index, budget, static_cast<int>(random_.Below(4)));
  return true;
}

void SimulatedScheduler::RunUntil(const std::function<bool()>& done) {
  while (!done()) {
    if (!Step()) {
      stuck_ = true;
      return;
    }
  }
}

}  // namespace millrace::runtime
