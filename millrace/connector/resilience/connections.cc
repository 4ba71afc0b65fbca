#include "millrace/connector/resilience/connections.h"

#include <algorithm>
#include <utility>

namespace millrace::connector::resilience {

void Connections::Expect(const std::vector<Split>& splits) {
  if (limit_ == 0) return;
  std::lock_guard lock(mutex_);
  SplitId last = last_told_;
  for (const Split& split : splits) {
    if (split.id <= last_told_) continue;
    unfinished_.insert(split.id);
    last = std::max(last, split.id);
  }
  last_told_ = last;
}

size_t Connections::unfinished() const {
  std::lock_guard lock(mutex_);
  return unfinished_.size();
}

bool Connections::Enter(SplitId split, const Waker& waker) {
  if (limit_ == 0) return true;
  std::lock_guard lock(mutex_);
  int64_t before = 0;
  for (auto at = unfinished_.begin(); at != unfinished_.end() && *at < split; ++at) {
    if (++before == limit_) {
      waiting_.push_back(waker);
      return false;
    }
  }
  return true;
}

void Connections::Leave(SplitId split) {
  if (limit_ == 0) return;
  std::vector<Waker> waiting;
  {
    std::lock_guard lock(mutex_);
    if (unfinished_.erase(split) == 0) return;
    waiting = std::exchange(waiting_, {});
  }
  for (const Waker& waker : waiting) waker.Wake();
}

}  // namespace millrace::connector::resilience
