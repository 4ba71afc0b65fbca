// Output: text being written, with room made before each value.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <arrow/buffer.h>

#include "millrace/base/result.h"

namespace millrace::formats::json {

/// Used by one thread. A failed allocation shows in `status()`, after which what is
/// written goes nowhere of use.
class Output {
 public:
  /// Bytes for which room is made at once.
  static constexpr int64_t kPiece = 1024 * 1024;

  explicit Output(arrow::MemoryPool* pool) : pool_(pool) {}

  /// Where `bytes` bytes may be written; Advance tells how far they were. Null when
  /// memory has run out.
  [[gnu::always_inline]] char* Room(int64_t bytes) {
    if (limit_ - end_ < bytes) [[unlikely]]
      return Grow(bytes);
    return end_;
  }
  void Advance(char* end) { end_ = end; }

  void Append(std::string_view text) {
    char* d = Room(static_cast<int64_t>(text.size()));
    if (d == nullptr) return;
    memcpy(d, text.data(), text.size());
    end_ = d + text.size();
  }

  int64_t size() const { return end_ - begin_; }
  std::string_view text() const { return {begin_, static_cast<size_t>(size())}; }
  char* end() const { return end_; }
  void Clear() { end_ = begin_; }
  const Status& status() const { return status_; }

  /// The text so far, which is no longer here.
  Result<std::shared_ptr<arrow::Buffer>> Take() {
    ARROW_RETURN_NOT_OK(status_);
    ARROW_RETURN_NOT_OK(buffer_->Resize(size(), /*shrink_to_fit=*/false));
    std::shared_ptr<arrow::Buffer> taken = std::move(buffer_);
    begin_ = end_ = limit_ = nullptr;
    return taken;
  }

 private:
  [[gnu::noinline]] char* Grow(int64_t bytes) {
    const int64_t used = size();
    const int64_t wanted = std::max(used + bytes, std::max(kPiece, 2 * used));
    if (!buffer_) {
      auto made = arrow::AllocateResizableBuffer(wanted, pool_);
      status_ = made.status();
      if (made.ok()) buffer_ = std::move(*made);
    } else {
      status_ = buffer_->Resize(wanted);
    }
    if (!status_.ok()) return nullptr;
    begin_ = reinterpret_cast<char*>(buffer_->mutable_data());
    end_ = begin_ + used;
    limit_ = begin_ + wanted;
    return end_;
  }

  arrow::MemoryPool* pool_;
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  char *begin_ = nullptr, *end_ = nullptr, *limit_ = nullptr;
  Status status_;
};

}  // namespace millrace::formats::json
