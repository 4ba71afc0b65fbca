// Elements: records of JSON that end where brackets and strings say so: those of an
// array, or objects one after another.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/formats/json/structure.h"
#include "millrace/formats/json/token_buffer.h"

namespace millrace::formats::json {

/// Bytes are looked at once for where records end, before they are tokenized: the
/// tokenizer takes complete records only. Used by one thread.
///
/// An element of an array ends with the comma behind it or with the array's closing
/// bracket, so that records touch each other as lines do. The last one in text() ends in
/// a line end instead.
class Elements final : public TokenBuffer {
 public:
  /// `layout`: kArray or kObjects. `file_size`: nothing can follow there.
  Elements(Layout layout, int64_t file_size, arrow::MemoryPool* pool);

  bool empty() const override { return TokenBuffer::empty() && garbage_ < 0; }

  /// The array was closed before the first byte.
  void SetClosed() { closed_ = true; }
  /// The last complete record ends with the array's closing bracket.
  bool closes() const { return closes_; }
  /// What can't be told apart begins here: something else than spaces behind the array,
  /// or a bracket that closes nothing; -1: nowhere.
  int64_t garbage() const { return garbage_; }
  /// It is a bracket that closes nothing.
  bool stray() const { return stray_; }
  /// The line end behind the complete records.
  int64_t stop() const { return stop_; }
  /// The next record begins at `next`. Spaces behind the array go with its last record.
  void Consume(int64_t next);

 protected:
  Status Restart(int64_t kept) override;
  Status Index(int64_t begin, bool last) override;
  int64_t EndOf(int64_t begin, int64_t* next) const override;

 private:
  // A stretch of what was appended.
  struct Chunk {
    int64_t begin = 0;
    Structure at;  // before it
    int64_t closers = 0;
  };

  int64_t Scan(int64_t begin);
  int64_t EndOfChunk(size_t i, int64_t end) const;
  int64_t FirstEnd(int64_t from, int64_t end) const;
  int64_t LastEnd(int64_t end) const;
  void FindGarbage(int64_t from);
  bool IsBlank(int64_t from) const;

  const Layout layout_;
  const int64_t file_size_;
  Structure at_;  // behind the last byte
  std::vector<Chunk> chunks_;
  bool closed_ = false, closes_ = false, stray_ = false;
  int64_t garbage_ = -1;
  int64_t stop_ = 0;
  int replaced_ = -1;  // the byte that the line end at stop_ stands for; -1: none
};

}  // namespace millrace::formats::json
