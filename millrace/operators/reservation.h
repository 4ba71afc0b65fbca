// Reservation: bytes outside Arrow's pool that one owner holds of a budget.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "millrace/base/memory_budget.h"

namespace millrace::operators {

/// Given back when it goes. Used by one thread.
class Reservation {
 public:
  explicit Reservation(std::shared_ptr<MemoryBudget> memory)
      : memory_(std::move(memory)) {}
  ~Reservation() {
    if (memory_) memory_->Release(bytes_);
  }
  Reservation(Reservation&& other) noexcept
      : memory_(std::move(other.memory_)), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  int64_t bytes() const { return bytes_; }
  /// Hold `bytes` from now on. Where the budget has no room for more, what was held stays
  /// and the call fails.
  Status Hold(int64_t bytes) {
    if (bytes > bytes_) {
      ARROW_RETURN_NOT_OK(memory_->Reserve(bytes - bytes_));
    } else {
      memory_->Release(bytes_ - bytes);
    }
    bytes_ = bytes;
    return Status::OK();
  }

 private:
  std::shared_ptr<MemoryBudget> memory_;
  int64_t bytes_ = 0;
};

}  // namespace millrace::operators
