#include "millrace/formats/avro/blocks.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <arrow/io/interfaces.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

namespace {

constexpr int64_t kReadBytes = 1 << 20;
constexpr int64_t kMaxHeaderBytes = 64 << 20;

// Reads a header byte by byte as it comes.
class HeaderReader {
 public:
  HeaderReader(InputHead& head, const std::string& file) : head_(head), file_(file) {}

  Result<std::string_view> Bytes(int64_t size) {
    if (size < 0 || size > kMaxHeaderBytes - at_) {
      return errors::kAvroBroken.Make({.file = file_, .byte = at_},
                                      "the header has an impossible length");
    }
    while (static_cast<int64_t>(head_.text().size()) < at_ + size) {
      if (head_.complete()) {
        return errors::kAvroBroken.Make({.file = file_}, "it ends inside the header");
      }
      const int64_t have = static_cast<int64_t>(head_.text().size());
      // In steps: a wrong length costs no memory.
      ARROW_RETURN_NOT_OK(
          head_.GrowTo(std::min(std::max(at_ + size, have + 4096), have + kReadBytes)));
    }
    const std::string_view out =
        std::string_view(head_.text())
            .substr(static_cast<size_t>(at_), static_cast<size_t>(size));
    at_ += size;
    return out;
  }

  Result<int64_t> Long() {
    uint8_t bytes[kMaxVarintBytes] = {};
    for (int64_t i = 0; i < kMaxVarintBytes; ++i) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view byte, Bytes(1));
      bytes[i] = static_cast<uint8_t>(byte[0]);
      if (bytes[i] >= 0x80) continue;
      int64_t out = 0;
      if (ReadLong(bytes, &out) != nullptr) return out;
      break;
    }
    return errors::kAvroBroken.Make({.file = file_, .byte = at_},
                                    "the header has a number of more than 64 bits");
  }

  Result<std::string_view> Text() {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, Long());
    return Bytes(size);
  }

  int64_t at() const { return at_; }

 private:
  InputHead& head_;
  const std::string& file_;
  int64_t at_ = 0;
};

}  // namespace

Result<Header> ReadHeader(InputHead& head, const std::string& file) {
  HeaderReader reader(head, file);
  Header out;
  out.codec = "null";
  ARROW_ASSIGN_OR_RAISE(const std::string_view magic,
                        reader.Bytes(static_cast<int64_t>(kMagic.size())));
  if (magic != kMagic) {
    return errors::kAvroBroken.Make({.file = file, .byte = 0},
                                    "it does not begin as an Avro container does");
  }
  bool told = false;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(int64_t count, reader.Long());
    if (count == 0) break;
    if (count < 0) {
      ARROW_RETURN_NOT_OK(reader.Long().status());  // bytes of these entries
      if (count == std::numeric_limits<int64_t>::min()) count = -1;
      count = -count;
    }
    for (; count > 0; --count) {
      // A copy: what follows may move the bytes.
      ARROW_ASSIGN_OR_RAISE(const std::string_view text, reader.Text());
      const std::string key(text);
      ARROW_ASSIGN_OR_RAISE(const std::string_view value, reader.Text());
      if (key == "avro.schema") {
        out.schema = value;
        told = true;
      } else if (key == "avro.codec") {
        out.codec = value;
      }
    }
  }
  if (!told) return errors::kAvroBroken.Make({.file = file}, "its header has no schema");
  ARROW_ASSIGN_OR_RAISE(const std::string_view sync, reader.Bytes(kSyncBytes));
  memcpy(out.sync.data(), sync.data(), sync.size());
  out.size = reader.at();
  return out;
}

BlockReader::BlockReader(const Input& input, std::string_view head,
                         const SyncMarker& sync, int64_t begin, int64_t end, bool search,
                         int64_t most, arrow::MemoryPool* pool)
    : input_(input),
      head_(head),
      sync_(sync),
      end_(end),
      most_(most),
      pool_(pool),
      search_(search),
      // A marker that ends exactly here begins the first block.
      at_(search ? std::max<int64_t>(begin - kSyncBytes, 0) : begin),
      window_begin_(at_),
      window_end_(at_) {}

void BlockReader::StartAt(int64_t offset) {
  search_ = false;
  at_ = window_begin_ = window_end_ = offset;
}

Status BlockReader::Broken(int64_t offset, std::string_view why) const {
  return errors::kAvroBroken.Make({.file = input_.name, .byte = offset}, "{}", why);
}

// At least `size` bytes from at_, where the input has them.
Result<ByteStream::State> BlockReader::Fill(int64_t size, const Waker& waker) {
  while (available() < size) {
    if (at_ > window_begin_) {
      if (available() > 0) {
        memmove(window_.data(), at(), static_cast<size_t>(available()));
      }
      window_begin_ = at_;
    }
    // In steps: a wrong length costs no more memory than there are bytes.
    const int64_t have = available();
    const int64_t step = std::clamp<int64_t>(size - have, kReadBytes, 16 * kReadBytes);
    ARROW_RETURN_NOT_OK(window_.Reserve(have + step + kPadding, pool_));
    uint8_t* out = window_.data() + have;
    int64_t got = 0;
    const int64_t in_head = static_cast<int64_t>(head_.size()) - window_end_;
    if (!input_.file && in_head > 0) {
      got = std::min(step, in_head);
      memcpy(out, head_.data() + window_end_, static_cast<size_t>(got));
    } else if (input_.file) {
      ARROW_ASSIGN_OR_RAISE(got, ReadAt(input_, window_end_, step, out));
      if (got == 0) return ByteStream::State::kEnd;
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto state,
                            input_.stream->Read(out, step, &got, waker));
      if (state != ByteStream::State::kBytes) return state;
    }
    window_end_ += got;
  }
  return ByteStream::State::kBytes;
}

// Goes behind the first marker.
Result<ByteStream::State> BlockReader::Search(const Waker& waker) {
  while (at_ + kSyncBytes < end_) {
    ARROW_ASSIGN_OR_RAISE(const auto state, Fill(kSyncBytes, waker));
    if (state != ByteStream::State::kBytes) return state;
    const void* found = memmem(at(), static_cast<size_t>(available()), sync_.data(),
                               static_cast<size_t>(kSyncBytes));
    if (found != nullptr) {
      at_ += static_cast<const uint8_t*>(found) - at() + kSyncBytes;
      search_ = false;
      return ByteStream::State::kBytes;
    }
    at_ += available() - (kSyncBytes - 1);
  }
  at_ = end_;
  search_ = false;
  return ByteStream::State::kBytes;
}

Result<ByteStream::State> BlockReader::Next(Block* out, const Waker& waker) {
  using State = ByteStream::State;
  if (search_) {
    ARROW_ASSIGN_OR_RAISE(const State state, Search(waker));
    if (state != State::kBytes) return state;
  }
  if (at_ >= end_) return State::kEnd;
  // Two numbers: as many bytes as there are of twenty.
  ARROW_ASSIGN_OR_RAISE(State state, Fill(2 * kMaxVarintBytes, waker));
  if (state == State::kPending && available() < 2 * kMaxVarintBytes) return state;
  if (available() == 0) return State::kEnd;
  memset(window_.data() + (window_end_ - window_begin_), 0,
         static_cast<size_t>(kPadding));
  int64_t records = 0, size = 0;
  const uint8_t* p = ReadLong(at(), &records);
  if (p != nullptr) p = ReadLong(p, &size);
  if (p == nullptr) return Broken(at_, "a block begins with no number");
  const int64_t head = p - at();
  if (head > available()) return Broken(at_, "it ends inside a block");
  if (records < 0 || size < 0) return Broken(at_, "a block has a negative size");
  if (input_.file && size > input_.file_size - at_) {
    return Broken(at_, "it ends inside a block");
  }
  if (size > most_) {
    return errors::kAvroTooLarge.Make({.file = input_.name, .byte = at_},
                                      "it has {} bytes, of {} that it may have", size,
                                      most_);
  }
  const int64_t whole = head + size + kSyncBytes;
  ARROW_ASSIGN_OR_RAISE(state, Fill(whole, waker));
  if (state == State::kPending) return state;
  if (state == State::kEnd) return Broken(at_, "it ends inside a block");
  if (memcmp(at() + head + size, sync_.data(), static_cast<size_t>(kSyncBytes)) != 0) {
    return Broken(at_, "no sync marker stands behind a block");
  }
  out->begin = at_;
  out->end = at_ + whole;
  out->records = records;
  out->bytes = {at() + head, static_cast<size_t>(size)};
  at_ += whole;
  return State::kBytes;
}

}  // namespace millrace::formats::avro
