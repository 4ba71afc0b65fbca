// RecordBuffer: a stretch of input from the first record that is not consumed yet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include <arrow/buffer.h>

#include "millrace/base/result.h"

namespace millrace::formats {

/// Holds the bytes; the heirs know where records end. Used by one thread.
///
/// Offsets inside the buffer are 32-bit for the heirs; `offset() + x` is the place of x
/// in the file. kTextPadding bytes on both sides of the text may be read.
class RecordBuffer {
 public:
  static constexpr int64_t kTextPadding = 64;

  /// `pool` outlives the buffer.
  explicit RecordBuffer(arrow::MemoryPool* pool) : pool_(pool) {}
  virtual ~RecordBuffer() = default;

  /// Drop everything; the next byte appended is the file's byte `offset`, which begins a
  /// record.
  void Reset(int64_t offset);
  /// Records that begin at or after this place in the file are not delivered.
  void Limit(int64_t file_offset) { limit_ = file_offset; }

  /// Drop the consumed records and make room for `bytes` more. Returns where to put them,
  /// valid until the next call.
  Result<uint8_t*> Extend(int64_t bytes);
  /// `bytes` have been written to where Extend said. `last`: no byte follows, so that the
  /// last record needs no end.
  Status Commit(int64_t bytes, bool last);

  const uint8_t* data() const { return data_; }
  int64_t offset() const { return offset_; }
  /// Place in the file after the last byte.
  int64_t end_offset() const { return offset_ + size_; }
  /// Bytes from the first record that is not consumed on.
  int64_t held() const { return std::max<int64_t>(size_ - consumed(), 0); }
  /// A record that begins at or after the limit has been seen.
  bool limit_reached() const { return limit_reached_; }

  /// Where the first record that is not consumed begins, in the buffer.
  virtual int64_t consumed() const = 0;
  /// No complete record is left.
  virtual bool empty() const = 0;

 protected:
  /// All that is known about the text is void; the first `kept` bytes of it are records
  /// that were not consumed, which may be looked at now.
  virtual Status Restart(int64_t kept) = 0;
  /// Bytes were appended from `begin` on, and zeros behind them.
  virtual Status Index(int64_t begin, bool last) = 0;

  /// End the text where the input ends: the byte is not the input's, so size() stays.
  void PutEnd(char line_end) { data_[size_] = static_cast<uint8_t>(line_end); }
  uint8_t* mutable_data() { return data_; }
  int64_t size() const { return size_; }
  int64_t limit() const { return limit_; }
  void set_limit_reached() { limit_reached_ = true; }
  arrow::MemoryPool* pool() const { return pool_; }

 private:
  arrow::MemoryPool* pool_;
  std::unique_ptr<arrow::ResizableBuffer> bytes_;
  uint8_t* data_ = nullptr;
  int64_t offset_ = 0, size_ = 0, capacity_ = 0;
  int64_t limit_ = INT64_MAX;
  bool limit_reached_ = false;
};

}  // namespace millrace::formats
