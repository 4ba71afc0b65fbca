// What readers of text formats need around the bytes themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/data/position.h"
#include "millrace/formats/format.h"

namespace millrace::formats {

/// Read [offset, offset + size) of a seekable input; less only at its end.
Result<int64_t> ReadAt(const Input& input, int64_t offset, int64_t size, uint8_t* out);

/// The beginning of an input, grown on demand and kept: a stream can't give it again.
/// Used by one thread, which waits here for the first bytes of a stream.
class InputHead {
 public:
  /// `input` outlives the head.
  explicit InputHead(const Input& input) : input_(input) {}

  const std::string& text() const { return text_; }
  /// No byte follows.
  bool complete() const { return complete_; }
  /// Have at least `size` bytes, unless the input has fewer or a stream pauses after some
  /// lines.
  Status GrowTo(int64_t size);

 private:
  Status GrowFromStream(int64_t size);

  const Input& input_;
  std::string text_;
  bool complete_ = false;
};

/// The position of a byte: eight bytes, big-endian, so that positions compare bytewise as
/// the offsets do.
data::Position OffsetPosition(int64_t offset);
/// False when `position` is none of OffsetPosition's.
bool OffsetOf(const data::Position& position, int64_t* offset);

/// The position of something inside a part: both numbers, as OffsetPosition.
data::Position PairPosition(int64_t part, int64_t inside);
/// False when `position` is none of PairPosition's.
bool PairOf(const data::Position& position, int64_t* part, int64_t* inside);

/// Bytes for a message: printable, and cut when they are many.
std::string Excerpt(std::string_view bytes);

}  // namespace millrace::formats
