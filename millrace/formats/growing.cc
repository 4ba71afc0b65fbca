#include "millrace/formats/growing.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>

namespace millrace::formats {

namespace {

// Bytes of 0 and 1 as bits; tells how many were 0.
int64_t Pack(const uint8_t* from, int64_t count, uint8_t* out) {
  int64_t ones = 0;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t eight = 0;
    memcpy(&eight, from + i, 8);
    const auto bits = static_cast<uint8_t>(eight * 0x0102040810204080ull >> 56);
    out[i >> 3] = bits;
    ones += __builtin_popcount(bits);
  }
  if (i < count) {
    uint8_t bits = 0;
    for (int64_t k = i; k < count; ++k) {
      bits = static_cast<uint8_t>(bits | from[k] << (k - i));
    }
    out[i >> 3] = bits;
    ones += __builtin_popcount(bits);
  }
  return count - ones;
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> PackBits(const uint8_t* from, int64_t count,
                                                arrow::MemoryPool* pool, int64_t* zeros) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> out,
                        arrow::AllocateBuffer((count + 7) / 8, pool));
  *zeros = Pack(from, count, out->mutable_data());
  out->ZeroPadding();
  return out;
}

Status Growing::Reserve(int64_t bytes, arrow::MemoryPool* pool) {
  if (bytes <= capacity_) return Status::OK();
  bytes = std::max(bytes, std::min(2 * capacity_, capacity_ + (int64_t{64} << 20)));
  if (!buffer_) {
    ARROW_ASSIGN_OR_RAISE(buffer_, arrow::AllocateResizableBuffer(bytes, pool));
  } else {
    ARROW_RETURN_NOT_OK(buffer_->Resize(bytes, /*shrink_to_fit=*/false));
  }
  data_ = buffer_->mutable_data();
  capacity_ = bytes;
  return Status::OK();
}

Result<std::shared_ptr<arrow::Buffer>> Growing::Take(int64_t bytes,
                                                     arrow::MemoryPool* pool) {
  if (!buffer_) {
    ARROW_ASSIGN_OR_RAISE(buffer_, arrow::AllocateResizableBuffer(bytes, pool));
  }
  // What is far larger than needed is given back.
  ARROW_RETURN_NOT_OK(buffer_->Resize(bytes, capacity_ > 2 * bytes + 4096));
  buffer_->ZeroPadding();
  data_ = nullptr;
  capacity_ = 0;
  return std::shared_ptr<arrow::Buffer>(std::move(buffer_));
}

}  // namespace millrace::formats
