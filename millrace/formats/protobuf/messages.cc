#include "millrace/formats/protobuf/messages.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <arrow/buffer.h>

#include "millrace/formats/input.h"
#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/protobuf/wire.h"

namespace millrace::formats::protobuf_format {

namespace {
constexpr int64_t kReadBytes = 1 << 20;
// Of a walk over large messages, of which only the lengths are read.
constexpr int64_t kGlanceBytes = 64;
}  // namespace

MessageReader::MessageReader(const Input& input, int64_t begin, int64_t end, int64_t most,
                             arrow::MemoryPool* pool)
    : input_(input),
      end_(end),
      most_(most),
      pool_(pool),
      at_(begin),
      window_begin_(begin),
      window_end_(begin) {}

// At least `size` bytes from at_, where the input has them.
Result<ByteStream::State> MessageReader::Fill(int64_t size, const Waker& waker) {
  while (available() < size) {
    const int64_t have = available();
    if (at_ > window_begin_) {
      if (have > 0) memmove(window_.data(), bytes(), static_cast<size_t>(have));
      window_begin_ = at_;
    }
    // In steps: a wrong length costs no more memory than there are bytes.
    const int64_t step = std::clamp<int64_t>(size - have, kReadBytes, 16 * kReadBytes);
    ARROW_RETURN_NOT_OK(window_.Reserve(have + step + kPadding, pool_));
    uint8_t* const out = window_.data() + have;
    int64_t got = 0;
    if (input_.file) {
      ARROW_ASSIGN_OR_RAISE(got, ReadAt(input_, window_end_, step, out));
      if (got == 0) return ByteStream::State::kEnd;
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto state,
                            input_.stream->Read(out, step, &got, waker));
      if (state != ByteStream::State::kBytes) return state;
    }
    window_end_ += got;
    memset(out + got, 0, static_cast<size_t>(kPadding));
  }
  return ByteStream::State::kBytes;
}

Result<ByteStream::State> MessageReader::Next(Message* out, const Waker& waker) {
  using State = ByteStream::State;
  if (at_ >= end_) return State::kEnd;
  uint64_t size = 0;
  int64_t head = 0;
  for (;;) {
    if (available() > 0) {
      // Behind the bytes are zeros, which end a number that is cut.
      const uint8_t* const p = ReadVarint(bytes(), &size);
      if (p == nullptr) {
        return errors::kProtobufBroken.Make({.file = input_.name, .byte = at_},
                                            "a length is longer than 64 bits");
      }
      head = p - bytes();
      if (head <= available()) break;
    }
    ARROW_ASSIGN_OR_RAISE(const State state, Fill(available() + 1, waker));
    if (state == State::kBytes) continue;
    if (state == State::kEnd && available() > 0) {
      return errors::kProtobufBroken.Make({.file = input_.name, .byte = at_},
                                          "it ends inside a length");
    }
    return state;
  }
  if (input_.file && size > static_cast<uint64_t>(input_.file_size - at_ - head)) {
    return errors::kProtobufBroken.Make(
        {.file = input_.name, .byte = at_},
        "it ends inside a message of {} bytes, or that is no length", size);
  }
  if (size > static_cast<uint64_t>(most_)) {
    return errors::kProtobufTooLarge.Make({.file = input_.name, .byte = at_},
                                          "it has {} bytes, of {} that it may have", size,
                                          most_);
  }
  const int64_t whole = head + static_cast<int64_t>(size);
  if (available() < whole) {
    ARROW_ASSIGN_OR_RAISE(const State state, Fill(whole, waker));
    if (state == State::kPending) return state;
    if (state == State::kEnd) {
      return errors::kProtobufBroken.Make(
          {.file = input_.name, .byte = at_},
          "it ends inside a message of {} bytes, or that is no length", size);
    }
  }
  out->offset = at_;
  out->bytes_at = at_ + head;
  out->end = at_ + whole;
  out->bytes = bytes() + head;
  at_ += whole;
  return State::kBytes;
}

Result<std::vector<Range>> CutByMessages(const Input& input, int64_t target_bytes,
                                         arrow::MemoryPool* pool) {
  std::vector<Range> out;
  if (!input.file) {
    out.push_back({0, std::numeric_limits<int64_t>::max(), 0});
    return out;
  }
  const int64_t size = input.file_size;
  int64_t begin = 0;
  if (target_bytes < size) {
    ARROW_ASSIGN_OR_RAISE(const auto window,
                          arrow::AllocateBuffer(kReadBytes + kPadding, pool));
    int64_t window_begin = 0, have = 0, step = kReadBytes;
    for (int64_t at = 0; at < size;) {
      if (at - begin >= target_bytes) {
        out.push_back({begin, at, at - begin});
        begin = at;
      }
      if (at + kMaxVarintBytes > window_begin + have && window_begin + have < size) {
        window_begin = at;
        ARROW_ASSIGN_OR_RAISE(have, ReadAt(input, at, step, window->mutable_data()));
        memset(window->mutable_data() + have, 0, static_cast<size_t>(kPadding));
      }
      if (at - window_begin >= have) break;
      const uint8_t* const from = window->data() + (at - window_begin);
      uint64_t length = 0;
      const uint8_t* const p = ReadVarint(from, &length);
      if (p == nullptr || length > static_cast<uint64_t>(size - at)) break;
      // Bytes between lengths are read along where that is cheaper than another call.
      step = length > kReadBytes / 4 ? kGlanceBytes : kReadBytes;
      at += p - from + static_cast<int64_t>(length);
    }
  }
  if (begin < size || out.empty()) out.push_back({begin, size, size - begin});
  return out;
}

}  // namespace millrace::formats::protobuf_format
