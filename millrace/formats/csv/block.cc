#include "millrace/formats/csv/block.h"

#include <algorithm>
#include <vector>

#include <arrow/memory_pool.h>

#include "millrace/formats/csv/errors.h"

namespace millrace::formats::csv {

namespace {
// Bytes indexed at a time: the index grows by what they need, not by the worst case of
// the whole block.
constexpr int64_t kStep = 64 * 1024;
}  // namespace

void Block::Reset(int64_t offset) {
  offset_ = offset;
  size_ = count_ = complete_ = consumed_ = 0;
  limit_reached_ = packed_ = false;
  state_ = IndexState();
}

void Block::Limit(int64_t file_offset) {
  limit_ = file_offset;
  limited_ = true;
}

Result<uint8_t*> Block::Extend(int64_t bytes) {
  if (consumed_ > 0) {
    const int64_t begin = record_begin();
    const int64_t kept = size_ - begin;
    memmove(data_, data_ + begin, static_cast<size_t>(kept));
    Reset(offset_ + begin);
    size_ = kept;
    ARROW_RETURN_NOT_OK(IndexFrom(0));
  }
  const int64_t limit = dialect_.max_record_bytes;
  if (complete_ == 0 && size_ >= limit) {
    return errors::kCsvRecordTooLarge.Make(
        {.byte = offset_}, "more than {} bytes without a line end", limit);
  }
  const int64_t needed = size_ + bytes;
  if (needed > capacity_) {
    const int64_t capacity = std::max(needed, capacity_ * 3 / 2);
    if (!bytes_) {
      ARROW_ASSIGN_OR_RAISE(
          bytes_, arrow::AllocateResizableBuffer(capacity + 2 * kPadding, pool_));
    } else {
      ARROW_RETURN_NOT_OK(bytes_->Resize(capacity + 2 * kPadding));
    }
    data_ = bytes_->mutable_data() + kPadding;
    memset(data_ - kPadding, 0, static_cast<size_t>(kPadding));
    capacity_ = capacity;
  }
  return data_ + size_;
}

Status Block::IndexFrom(int64_t begin) {
  // What vectors read beyond the input is defined, though it has no effect.
  memset(data_ + size_, 0, static_cast<size_t>(kPadding));
  for (int64_t at = begin; at < size_; at += kStep) {
    const int64_t end = std::min(at + kStep, size_);
    const int64_t needed = count_ + (end - at) + 128;
    const int64_t have =
        index_ ? index_->size() / static_cast<int64_t>(sizeof(uint32_t)) - 1 : 0;
    if (needed > have) {
      const int64_t bytes =
          (std::max(needed, have * 3 / 2) + 1) * static_cast<int64_t>(sizeof(uint32_t));
      if (!index_) {
        ARROW_ASSIGN_OR_RAISE(index_, arrow::AllocateResizableBuffer(bytes, pool_));
      } else {
        ARROW_RETURN_NOT_OK(index_->Resize(bytes));
      }
      entries_ = reinterpret_cast<uint32_t*>(index_->mutable_data()) + 1;
      entries_[-1] = ~uint32_t{0};  // the block begins with a record
    }
    count_ += static_cast<int64_t>(IndexStructure(data_, static_cast<size_t>(at),
                                                  static_cast<size_t>(end), dialect_,
                                                  &state_, entries_ + count_));
  }
  return Status::OK();
}

Status Block::Commit(int64_t bytes) {
  const int64_t begin = size_;
  size_ += bytes;
  ARROW_RETURN_NOT_OK(IndexFrom(begin));
  FindComplete();
  return Status::OK();
}

Result<bool> Block::CommitEnd() {
  const uint32_t last = count_ == 0 ? 0 : entries_[count_ - 1] + 1;
  const bool open_record =
      size_ > 0 && (count_ == 0 || last != size_ || !IsLineEnd(last - 1));
  if (!open_record) return true;
  if (state_.in_quote != 0) return false;
  ARROW_ASSIGN_OR_RAISE(uint8_t * end, Extend(1));
  // A last line without its end is complete all the same. The byte is not the input's,
  // so size() stays.
  *end = static_cast<uint8_t>(dialect_.newline);
  memset(end + 1, 0, static_cast<size_t>(kPadding) - 1);
  entries_[count_++] = static_cast<uint32_t>(size_);
  ++state_.newlines;
  FindComplete();
  return true;
}

uint32_t Block::FindOpenQuote() const {
  // One byte at a time from the record's begin: this ends in an error message.
  IndexState state;
  std::vector<uint32_t> entries(2);
  uint32_t opened = record_begin();
  for (size_t i = opened; i < static_cast<size_t>(size_); ++i) {
    const bool before = state.in_quote != 0;
    IndexSequential(data_, i, i + 1, dialect_, &state, entries.data());
    const bool doubled = i > 0 && data_[i - 1] == data_[i];
    if (!before && state.in_quote != 0 && !doubled) opened = static_cast<uint32_t>(i);
  }
  return opened;
}

void Block::FindComplete() {
  complete_ = count_;
  while (complete_ > 0 && !IsLineEnd(entries_[complete_ - 1])) --complete_;
  int64_t newlines = state_.newlines;
  if (limited_ && offset_ + size_ >= limit_) {
    // The first line end at or after the byte before the limit ends our last record.
    const uint32_t bound =
        static_cast<uint32_t>(std::max<int64_t>(limit_ - 1 - offset_, 0));
    int64_t at = std::lower_bound(entries_, entries_ + complete_, bound) - entries_;
    while (at < complete_ && !IsLineEnd(entries_[at])) ++at;
    if (at < complete_) {
      limit_reached_ = true;
      for (int64_t i = at + 1; i < complete_; ++i) newlines -= IsLineEnd(entries_[i]);
      complete_ = at + 1;
    }
  }
  packed_ = complete_ % width_ == 0 && complete_ / width_ == newlines &&
            !state_.saw_suspect && dialect_.comment < 0;
  for (int64_t i = width_ - 1; packed_ && i < complete_; i += width_) {
    packed_ = IsLineEnd(entries_[i]);
  }
}

}  // namespace millrace::formats::csv
