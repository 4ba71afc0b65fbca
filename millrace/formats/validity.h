// Validity bitmaps that cost nothing until the first NULL.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include "millrace/base/result.h"

namespace millrace::formats {

/// Used by one thread, for one array of a known length.
class Validity {
 public:
  Validity(int64_t length, arrow::MemoryPool* pool) : length_(length), pool_(pool) {}

  /// Mark row `i` NULL, once. A failed allocation is reported by Finish.
  void SetNull(int64_t i) {
    if (bits_ == nullptr) [[unlikely]] {
      if (!Allocate()) return;
    }
    bits_[i >> 3] &= static_cast<uint8_t>(~(1u << (i & 7)));
    ++nulls_;
  }

  int64_t nulls() const { return nulls_; }
  /// The bitmap, null when no row is NULL.
  Result<std::shared_ptr<arrow::Buffer>> Finish() {
    ARROW_RETURN_NOT_OK(status_);
    return std::move(buffer_);
  }
  /// The array that has `buffers` behind the bitmap.
  Result<std::shared_ptr<arrow::Array>> Finish(
      std::shared_ptr<arrow::DataType> type, int64_t length,
      std::vector<std::shared_ptr<arrow::Buffer>> buffers) {
    ARROW_RETURN_NOT_OK(status_);
    buffers.insert(buffers.begin(), std::move(buffer_));
    return arrow::MakeArray(
        arrow::ArrayData::Make(std::move(type), length, std::move(buffers), nulls_));
  }

 private:
  bool Allocate() {
    if (!status_.ok()) return false;
    const int64_t size = (length_ + 7) / 8;
    auto made = arrow::AllocateBuffer(size, pool_);
    if (!made.ok()) {
      status_ = made.status();
      return false;
    }
    buffer_ = std::move(*made);
    bits_ = buffer_->mutable_data();
    memset(bits_, 0xFF, static_cast<size_t>(size));
    buffer_->ZeroPadding();
    return true;
  }

  int64_t length_;
  arrow::MemoryPool* pool_;
  std::shared_ptr<arrow::Buffer> buffer_;
  uint8_t* bits_ = nullptr;
  int64_t nulls_ = 0;
  Status status_;
};

}  // namespace millrace::formats
