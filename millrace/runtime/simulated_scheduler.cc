#include "millrace/runtime/simulated_scheduler.h"

#include <utility>
#include <vector>

namespace millrace::runtime {

void SimulatedExecutor::Run(size_t index) {
  std::function<void()> work = std::move(waiting_[index]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  work();
}

SimulatedScheduler::SimulatedScheduler(int shards, uint64_t seed, ManualClock* clock,
                                       SimulatedExecutor* executor)
    : shards_(static_cast<size_t>(shards)),
      random_(seed),
      clock_(clock),
      executor_(executor) {}

bool SimulatedScheduler::Step() {
  std::vector<std::pair<Shard*, size_t>> choices;
  for (Shard& shard : shards_) {
    const size_t ready = shard.Collect();
    for (size_t i = 0; i < ready; ++i) choices.emplace_back(&shard, i);
  }
  const size_t pieces = executor_->waiting();
  if (choices.empty() && pieces == 0) return false;
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
