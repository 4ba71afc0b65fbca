// Lines: a stretch of input whose complete lines are tokenized, refilled as they are
// consumed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/buffer.h>

#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {

/// Holds input from the first line that is not consumed yet. Used by one thread.
///
/// Offsets inside text() are 32-bit; `offset() + x` is the place of x in the file.
class Lines {
 public:
  /// A line whose text could not be tokenized. It is blank in text().
  struct Broken {
    int64_t begin = 0, end = 0;  ///< offsets in text(), the line end left out
    const ErrorSpec* spec = nullptr;
    std::string raw;  ///< the line; cut to kRawBytes
  };
  static constexpr size_t kRawBytes = 64 * 1024;

  explicit Lines(arrow::MemoryPool* pool) : pool_(pool) {}

  /// Drop everything; the next byte appended is the file's byte `offset`, which begins a
  /// line.
  void Reset(int64_t offset);
  /// Lines that begin at or after this place in the file are not delivered.
  void Limit(int64_t file_offset) { limit_ = file_offset; }

  /// Drop the consumed lines and make room for `bytes` more. Returns where to put them,
  /// valid until the next call.
  Result<uint8_t*> Extend(int64_t bytes);
  /// `bytes` have been written to where Extend said. `last`: no byte follows, so that the
  /// last line needs no end.
  Status Commit(int64_t bytes, bool last);

  int64_t offset() const { return offset_; }
  int64_t end_offset() const { return offset_ + size_; }
  int64_t held() const { return size_ - consumed_; }
  const char* text() const { return data_; }
  /// End of the last complete line.
  int64_t complete() const { return complete_; }
  /// Where the first line that is not consumed begins.
  int64_t consumed() const { return consumed_; }
  void ConsumeTo(int64_t end) { consumed_ = end; }
  bool empty() const { return consumed_ >= complete_; }
  const Tokens& tokens() const { return tokenizer_.tokens(); }
  const std::vector<Broken>& broken() const { return broken_; }
  /// A line that begins at or after the limit has been seen.
  bool limit_reached() const { return limit_reached_; }
  /// The last complete line has no line end: the input ends there.
  bool tail_open() const { return tail_open_; }

 private:
  Status BlankBroken(const ErrorSpec* spec);

  arrow::MemoryPool* pool_;
  Tokenizer tokenizer_;
  std::unique_ptr<arrow::ResizableBuffer> bytes_;
  char* data_ = nullptr;
  int64_t offset_ = 0, size_ = 0, capacity_ = 0;
  int64_t complete_ = 0, consumed_ = 0;
  int64_t searched_ = 0;  // no line end before it, from complete_ on
  int64_t limit_ = INT64_MAX;
  bool limit_reached_ = false, tail_open_ = false;
  std::vector<Broken> broken_;
};

}  // namespace millrace::formats::json
