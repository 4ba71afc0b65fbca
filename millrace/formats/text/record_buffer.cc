#include "millrace/formats/text/record_buffer.h"

#include <algorithm>
#include <cstring>

namespace millrace::formats {

void RecordBuffer::Reset(int64_t offset) {
  offset_ = offset;
  size_ = 0;
  limit_ = INT64_MAX;
  limit_reached_ = false;
  // Without bytes there is nothing that could fail.
  (void)Restart(0);
}

Result<uint8_t*> RecordBuffer::Extend(int64_t bytes) {
  const int64_t from = consumed();
  const int64_t kept = std::max<int64_t>(size_ - from, 0);
  const int64_t needed = kept + bytes + 1;  // and a line end
  std::unique_ptr<arrow::ResizableBuffer> old;
  const uint8_t* source = data_ + from;
  if (needed > capacity_) {
    old = std::move(bytes_);
    // Not by much: records that grow are asked for in pieces that grow with them.
    capacity_ = std::max(needed, std::min<int64_t>(2 * capacity_, needed + (1 << 20)));
    ARROW_ASSIGN_OR_RAISE(
        bytes_, arrow::AllocateResizableBuffer(capacity_ + 2 * kTextPadding, pool_));
    data_ = bytes_->mutable_data() + kTextPadding;
    memset(data_ - kTextPadding, 0, kTextPadding);
  }
  if (kept > 0 && data_ != source) memmove(data_, source, static_cast<size_t>(kept));
  if (from > 0) {
    offset_ += from;
    size_ = kept;
    memset(data_ + size_, 0, kTextPadding);
    ARROW_RETURN_NOT_OK(Restart(kept));
  }
  return data_ + size_;
}

Status RecordBuffer::Commit(int64_t bytes, bool last) {
  const int64_t begin = size_;
  size_ += bytes;
  // What vectors read beyond the text is defined, though it has no effect.
  memset(data_ + size_, 0, kTextPadding);
  return Index(begin, last);
}

}  // namespace millrace::formats
