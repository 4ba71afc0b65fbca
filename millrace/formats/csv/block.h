// Block: a stretch of CSV with its structural index.
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/rows.h"
#include "millrace/formats/text/record_buffer.h"

namespace millrace::formats::csv {

/// Used by one thread.
class Block final : public RecordBuffer {
 public:
  static_assert(kTextPadding >= kPadding);

  /// `dialect` and `pool` outlive the block.
  Block(const Dialect& dialect, int width, arrow::MemoryPool* pool)
      : RecordBuffer(pool), dialect_(dialect), width_(width) {}

  const Dialect& dialect() const { return dialect_; }
  int width() const { return width_; }

  /// Offsets of structural bytes from the first unconsumed record to the last complete
  /// one; entry -1 stands before that record.
  const uint32_t* entries() const { return entries_ + consumed_; }
  int64_t num_entries() const { return complete_ - consumed_; }
  void Consume(int64_t entries) { consumed_ += entries; }
  /// Drop what is left, complete or not.
  void Discard() { Reset(end_offset()); }

  int64_t consumed() const override {
    return entries_ == nullptr ? 0 : static_cast<uint32_t>(entries()[-1] + 1);
  }
  bool empty() const override { return num_entries() == 0; }

  /// The input has ended inside quotes.
  bool unclosed() const { return unclosed_; }
  /// Where the quote stands that is open at the end of the block.
  uint32_t FindOpenQuote() const;

  /// Every record in the block has `width` fields and needs no closer look.
  bool packed() const { return packed_; }
  bool needs_unescape() const { return state_.saw_doubled; }
  bool has_non_ascii() const { return state_.saw_non_ascii; }
  bool has_suspect_quotes() const { return state_.saw_suspect; }

  bool IsLineEnd(uint32_t position) const {
    return data()[position] == static_cast<uint8_t>(dialect_.newline);
  }

 protected:
  Status Restart(int64_t kept) override;
  Status Index(int64_t begin, bool last) override;

 private:
  Status IndexFrom(int64_t begin, int64_t end);
  void EndLastRecord();
  void FindComplete();

  const Dialect& dialect_;
  int width_;
  std::unique_ptr<arrow::ResizableBuffer> index_;
  uint32_t* entries_ = nullptr;
  int64_t count_ = 0;     // entries in the index
  int64_t complete_ = 0;  // entries up to the last complete record
  int64_t consumed_ = 0;
  bool packed_ = false, unclosed_ = false;
  IndexState state_;
};

}  // namespace millrace::formats::csv
