// StreamWindow: the bytes of a stream that were fetched and are not done with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <arrow/buffer.h>

#include "millrace/formats/format.h"

namespace millrace::formats {

/// Used by one thread at a time.
class StreamWindow {
 public:
  StreamWindow(std::shared_ptr<ByteStream> bytes, arrow::MemoryPool* pool)
      : bytes_(std::move(bytes)), pool_(pool) {}

  ByteStream& stream() const { return *bytes_; }
  std::span<const uint8_t> rest() const {
    if (!held_) return {};
    return {held_->data() + at_, static_cast<size_t>(have_ - at_)};
  }
  void Take(size_t bytes) { at_ += static_cast<int64_t>(bytes); }
  /// No byte follows those of rest().
  bool ended() const { return ended_; }
  /// There is no room for more: Fetch must not be called.
  bool full() const { return held_ && at_ == 0 && have_ == held_->size(); }

  /// More bytes behind those of rest(). kPending: `waker` fires when there are.
  Result<ByteStream::State> Fetch(const Waker& waker) {
    if (!held_) {
      ARROW_ASSIGN_OR_RAISE(held_, arrow::AllocateBuffer(kBytes, pool_));
    }
    uint8_t* const data = held_->mutable_data();
    if (at_ > 0) memmove(data, data + at_, static_cast<size_t>(have_ - at_));
    have_ -= std::exchange(at_, 0);
    int64_t got = 0;
    ARROW_ASSIGN_OR_RAISE(const ByteStream::State state,
                          bytes_->Read(data + have_, held_->size() - have_, &got, waker));
    if (state == ByteStream::State::kBytes) have_ += got;
    ended_ = state == ByteStream::State::kEnd;
    return state;
  }

  /// The stream was sought: nothing is fetched.
  void Clear() {
    at_ = have_ = 0;
    ended_ = false;
  }

 private:
  static constexpr int64_t kBytes = 256 << 10;

  const std::shared_ptr<ByteStream> bytes_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<arrow::Buffer> held_;
  int64_t at_ = 0, have_ = 0;  // of held_: done with, and there
  bool ended_ = false;
};

}  // namespace millrace::formats
