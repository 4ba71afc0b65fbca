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
  enum class Kind {
    kFixed,
    kSpillable,  ///< its owner makes room where Hold fails
  };
  explicit Reservation(std::shared_ptr<MemoryBudget> memory, Kind kind = Kind::kFixed)
      : memory_(std::move(memory)), kind_(kind) {}
  ~Reservation() {
    if (memory_) memory_->Release(bytes_);
  }
  Reservation(Reservation&& other) noexcept
      : memory_(std::move(other.memory_)),
        kind_(other.kind_),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  int64_t bytes() const { return bytes_; }
  /// Hold `bytes` from now on. Where the budget has no room for more, what was held stays
  /// and the call fails.
  Status Hold(int64_t bytes) {
    if (bytes > bytes_) {
      // Who holds next to nothing has nothing to make room with.
      const bool leaves_room =
          kind_ == Kind::kSpillable && bytes > memory_->limit() / kSmallShare;
      ARROW_RETURN_NOT_OK(leaves_room ? memory_->ReserveSpillable(bytes - bytes_)
                                      : memory_->Reserve(bytes - bytes_));
    } else {
      memory_->Release(bytes_ - bytes);
    }
    bytes_ = bytes;
    return Status::OK();
  }

 private:
  static constexpr int64_t kSmallShare = 8;
  std::shared_ptr<MemoryBudget> memory_;
  Kind kind_;
  int64_t bytes_ = 0;
};

}  // namespace millrace::operators
