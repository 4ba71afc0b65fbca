// Block: a stretch of input with its structural index, refilled as records are consumed.
#pragma once

#include <cstdint>
#include <memory>

#include <arrow/buffer.h>

#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/rows.h"

namespace millrace::formats::csv {

/// Holds input from the first record that is not consumed yet. Used by one thread.
///
/// Offsets inside the block are 32-bit; `offset() + x` is the place of x in the file.
class Block {
 public:
  /// `dialect` and `pool` outlive the block.
  Block(const Dialect& dialect, int width, arrow::MemoryPool* pool)
      : dialect_(dialect), width_(width), pool_(pool) {}

  /// Drop everything; the next byte appended is the file's byte `offset`, which begins a
  /// record.
  void Reset(int64_t offset);

  /// Drop the consumed records and make room for `bytes` more. Returns where to put them,
  /// valid until the next call. Fails with kCsvRecordTooLarge when the first record left
  /// is longer than the limit.
  Result<uint8_t*> Extend(int64_t bytes);
  /// `bytes` have been written to where Extend said: index them.
  Status Commit(int64_t bytes);
  /// No byte follows: end the last record where the input ends. Answers false when the
  /// input ends inside quotes.
  Result<bool> CommitEnd();
  /// Records that begin at or after this place in the file are not delivered.
  void Limit(int64_t file_offset);

  int64_t offset() const { return offset_; }
  int64_t size() const { return size_; }
  int64_t end_offset() const { return offset_ + size_; }
  const uint8_t* data() const { return data_; }
  const Dialect& dialect() const { return dialect_; }
  int width() const { return width_; }

  /// Offsets of structural bytes from the first unconsumed record to the last complete
  /// one; entry -1 stands before that record.
  const uint32_t* entries() const { return entries_ + consumed_; }
  int64_t num_entries() const { return complete_ - consumed_; }
  void Consume(int64_t entries) { consumed_ += entries; }
  /// Drop what is left, complete or not.
  void Discard() { Reset(end_offset()); }
  /// Where the quote stands that is open at the end of the block.
  uint32_t FindOpenQuote() const;
  /// A record that begins at or after the limit has been seen.
  bool limit_reached() const { return limit_reached_; }

  /// Every record in the block has `width` fields and needs no closer look.
  bool packed() const { return packed_; }
  bool needs_unescape() const { return state_.saw_doubled; }
  bool has_non_ascii() const { return state_.saw_non_ascii; }
  bool has_suspect_quotes() const { return state_.saw_suspect; }

  /// Offset of the first unconsumed record.
  uint32_t record_begin() const { return entries_ == nullptr ? 0 : entries()[-1] + 1; }
  bool IsLineEnd(uint32_t position) const {
    return data_[position] == static_cast<uint8_t>(dialect_.newline);
  }

 private:
  Status IndexFrom(int64_t begin);
  void FindComplete();

  const Dialect& dialect_;
  int width_;
  arrow::MemoryPool* pool_;
  std::unique_ptr<arrow::ResizableBuffer> bytes_, index_;
  uint8_t* data_ = nullptr;
  uint32_t* entries_ = nullptr;
  int64_t offset_ = 0, size_ = 0, capacity_ = 0;
  int64_t count_ = 0;     // entries in the index
  int64_t complete_ = 0;  // entries up to the last complete record
  int64_t consumed_ = 0;
  int64_t limit_;
  bool limited_ = false, limit_reached_ = false, packed_ = false;
  IndexState state_;
};

}  // namespace millrace::formats::csv
