// The messages of a file, each behind its length.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/formats/format.h"
#include "millrace/formats/growing.h"

namespace millrace::formats::protobuf_format {

struct Message {
  int64_t offset = 0;  ///< in the file, of its length
  int64_t bytes_at = 0;
  int64_t end = 0;
  const uint8_t* bytes = nullptr;  ///< until the next call, kPadding behind
};

/// Reads the messages that begin in [begin, end) of the input. Used by one thread.
class MessageReader {
 public:
  /// `begin` is where a message begins. `most`: bytes that a message may have.
  MessageReader(const Input& input, int64_t begin, int64_t end, int64_t most,
                arrow::MemoryPool* pool);

  /// Before the first Next: begin with the message at `offset`.
  void StartAt(int64_t offset) { at_ = window_begin_ = window_end_ = offset; }
  /// Where the next message begins.
  int64_t at() const { return at_; }
  /// Fails with kProtobufBroken and kProtobufTooLarge.
  Result<ByteStream::State> Next(Message* out, const Waker& waker);

 private:
  Result<ByteStream::State> Fill(int64_t size, const Waker& waker);
  int64_t available() const { return window_end_ - at_; }
  const uint8_t* bytes() { return window_.data() + (at_ - window_begin_); }

  const Input& input_;
  const int64_t end_;
  const int64_t most_;
  arrow::MemoryPool* const pool_;
  int64_t at_;
  // What stands in memory of the file.
  Growing window_;
  int64_t window_begin_;
  int64_t window_end_;
};

/// Parts of a file of about `target_bytes`, each beginning with a message: found by
/// walking from length to length. Where those make no sense the last part begins, whose
/// reader says so.
Result<std::vector<Range>> CutByMessages(const Input& input, int64_t target_bytes,
                                         arrow::MemoryPool* pool);

}  // namespace millrace::formats::protobuf_format
