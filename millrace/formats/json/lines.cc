#include "millrace/formats/json/lines.h"

#include <algorithm>

namespace millrace::formats::json {

void Lines::Reset(int64_t offset) {
  offset_ = offset;
  size_ = complete_ = consumed_ = searched_ = 0;
  limit_ = INT64_MAX;
  limit_reached_ = tail_open_ = false;
  broken_.clear();
}

Result<uint8_t*> Lines::Extend(int64_t bytes) {
  const int64_t left = size_ - consumed_;
  const int64_t needed = left + bytes + 1;  // and a line end
  std::unique_ptr<arrow::ResizableBuffer> old;
  const char* from = data_ + consumed_;
  if (needed > capacity_) {
    old = std::move(bytes_);
    capacity_ = std::max(needed, std::min<int64_t>(2 * capacity_, needed + (1 << 20)));
    ARROW_ASSIGN_OR_RAISE(
        bytes_, arrow::AllocateResizableBuffer(capacity_ + 2 * kPadding, pool_));
    data_ = reinterpret_cast<char*>(bytes_->mutable_data()) + kPadding;
    memset(data_ - kPadding, 0, kPadding);
  }
  if (left > 0) memmove(data_, from, static_cast<size_t>(left));
  offset_ += consumed_;
  size_ = left;
  searched_ = std::max<int64_t>(searched_ - consumed_, 0);
  complete_ = consumed_ = 0;
  broken_.clear();
  return reinterpret_cast<uint8_t*>(data_ + size_);
}

Status Lines::Commit(int64_t bytes, bool last) {
  size_ += bytes;
  tail_open_ = false;
  // A line that begins before the limit ends at the first line end from one byte before
  // it on.
  const int64_t limit = limit_ - 1 - offset_;
  if (limit < size_) {
    const int64_t from = std::max<int64_t>(limit, 0);
    const char* end = static_cast<const char*>(
        memchr(data_ + from, '\n', static_cast<size_t>(size_ - from)));
    if (end != nullptr) {
      complete_ = end + 1 - data_;
      limit_reached_ = true;
    }
  }
  if (!limit_reached_) {
    const void* end =
        memrchr(data_ + searched_, '\n', static_cast<size_t>(size_ - searched_));
    if (end != nullptr) complete_ = static_cast<const char*>(end) + 1 - data_;
    searched_ = size_;
    if (last && complete_ < size_) {
      data_[size_++] = '\n';
      complete_ = size_;
      tail_open_ = true;
    }
  }
  memset(data_ + size_, 0, kPadding);
  if (complete_ == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(data_, complete_));
  return fault == nullptr ? Status::OK() : BlankBroken(fault);
}

// Something in the text is at fault: find the lines where, one by one, and take them out,
// so that the others can be tokenized together.
Status Lines::BlankBroken(const ErrorSpec* spec) {
  for (int64_t begin = 0; begin < complete_;) {
    const char* end = static_cast<const char*>(
        memchr(data_ + begin, '\n', static_cast<size_t>(complete_ - begin)));
    const int64_t size = end - (data_ + begin);
    ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault,
                          tokenizer_.Run(data_ + begin, size + 1));
    if (fault != nullptr) {
      broken_.push_back(
          {.begin = begin,
           .end = begin + size,
           .spec = fault,
           .raw = std::string(data_ + begin,
                              std::min(static_cast<size_t>(size), kRawBytes))});
      memset(data_ + begin, ' ', static_cast<size_t>(size));
    }
    begin += size + 1;
  }
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(data_, complete_));
  if (fault == nullptr) return Status::OK();
  return errors::kInternal.Make({.byte = offset_},
                                "lines are valid JSON text one by one, not together ({})",
                                spec->text);
}

}  // namespace millrace::formats::json
