#include "millrace/formats/csv/block.h"

#include <algorithm>
#include <vector>

namespace millrace::formats::csv {

namespace {
// Bytes indexed at a time: the index grows by what they need, not by the worst case of
// the whole block.
constexpr int64_t kStep = 64 * 1024;
}  // namespace

Status Block::Restart(int64_t kept) {
  count_ = complete_ = consumed_ = 0;
  packed_ = unclosed_ = false;
  state_ = IndexState();
  return IndexFrom(0, kept);
}

Status Block::IndexFrom(int64_t begin, int64_t size) {
  for (int64_t at = begin; at < size; at += kStep) {
    const int64_t end = std::min(at + kStep, size);
    const int64_t needed = count_ + (end - at) + 128;
    const int64_t have =
        index_ ? index_->size() / static_cast<int64_t>(sizeof(uint32_t)) - 1 : 0;
    if (needed > have) {
      const int64_t bytes =
          (std::max(needed, have * 3 / 2) + 1) * static_cast<int64_t>(sizeof(uint32_t));
      if (!index_) {
        ARROW_ASSIGN_OR_RAISE(index_, arrow::AllocateResizableBuffer(bytes, pool()));
      } else {
        ARROW_RETURN_NOT_OK(index_->Resize(bytes));
      }
      entries_ = reinterpret_cast<uint32_t*>(index_->mutable_data()) + 1;
      entries_[-1] = ~uint32_t{0};  // the block begins with a record
    }
    count_ += static_cast<int64_t>(IndexStructure(data(), static_cast<size_t>(at),
                                                  static_cast<size_t>(end), dialect_,
                                                  &state_, entries_ + count_));
  }
  return Status::OK();
}

Status Block::Index(int64_t begin, bool last) {
  ARROW_RETURN_NOT_OK(IndexFrom(begin, size()));
  if (last) EndLastRecord();
  FindComplete();
  return Status::OK();
}

// A last line without its end is complete all the same.
void Block::EndLastRecord() {
  const uint32_t last = count_ == 0 ? 0 : entries_[count_ - 1] + 1;
  const bool open = size() > 0 && (count_ == 0 || last != size() || !IsLineEnd(last - 1));
  if (!open) return;
  if (state_.in_quote != 0) {
    unclosed_ = true;
    return;
  }
  PutEnd(dialect_.newline);
  entries_[count_++] = static_cast<uint32_t>(size());
  ++state_.newlines;
}

uint32_t Block::FindOpenQuote() const {
  // One byte at a time from the record's begin: this ends in an error message.
  IndexState state;
  std::vector<uint32_t> entries(2);
  uint32_t opened = static_cast<uint32_t>(consumed());
  for (size_t i = opened; i < static_cast<size_t>(size()); ++i) {
    const bool before = state.in_quote != 0;
    IndexSequential(data(), i, i + 1, dialect_, &state, entries.data());
    const bool doubled = i > 0 && data()[i - 1] == data()[i];
    if (!before && state.in_quote != 0 && !doubled) opened = static_cast<uint32_t>(i);
  }
  return opened;
}

void Block::FindComplete() {
  complete_ = count_;
  while (complete_ > 0 && !IsLineEnd(entries_[complete_ - 1])) --complete_;
  int64_t newlines = state_.newlines;
  if (end_offset() >= limit()) {
    // The first line end at or after the byte before the limit ends our last record.
    const uint32_t bound =
        static_cast<uint32_t>(std::max<int64_t>(limit() - 1 - offset(), 0));
    int64_t at = std::lower_bound(entries_, entries_ + complete_, bound) - entries_;
    while (at < complete_ && !IsLineEnd(entries_[at])) ++at;
    if (at < complete_) {
      set_limit_reached();
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
