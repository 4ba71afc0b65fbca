// Buffers that decoders of records fill, whose size is known at the end.
#pragma once

#include <cstdint>
#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::formats {

/// A buffer that grows. Bytes are written through data(); Reserve keeps them.
class Growing {
 public:
  uint8_t* data() { return data_; }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  int64_t capacity() const { return capacity_; }
  Status Reserve(int64_t bytes, arrow::MemoryPool* pool);
  /// The first `bytes`, and begin anew.
  Result<std::shared_ptr<arrow::Buffer>> Take(int64_t bytes, arrow::MemoryPool* pool);

 private:
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  uint8_t* data_ = nullptr;
  int64_t capacity_ = 0;
};

/// `count` bytes of 0 and 1 as bits; tells how many were 0.
Result<std::shared_ptr<arrow::Buffer>> PackBits(const uint8_t* from, int64_t count,
                                                arrow::MemoryPool* pool, int64_t* zeros);

}  // namespace millrace::formats
