// Waker: tells a blocked task that it may look again.
#pragma once

#include <memory>
#include <utility>

namespace millrace {

/// What a Waker wakes. Wake is called from any thread, any number of times, also when
/// nothing waits.
class Wakeable {
 public:
  virtual ~Wakeable() = default;
  virtual void Wake() = 0;
};

/// A copyable handle that wakes one task. Safe from any thread and after the task has
/// ended. An empty one does nothing.
class Waker {
 public:
  Waker() = default;
  explicit Waker(std::shared_ptr<Wakeable> target) : target_(std::move(target)) {}
  void Wake() const {
    if (target_) target_->Wake();
  }

 private:
  std::shared_ptr<Wakeable> target_;
};

}  // namespace millrace
