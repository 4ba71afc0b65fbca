#include "millrace/io/compression/frames.h"

#include <algorithm>
#include <span>

#include <arrow/io/interfaces.h>

#include "millrace/io/compression/gzip_member.h"
#include "millrace/io/compression/s2_block.h"
#include "millrace/io/compression/snappy_decoder.h"

namespace millrace::io {

namespace {

constexpr int64_t kMostPlain = 64 << 20;          // of one frame
constexpr int64_t kTogether = 1 << 20;            // plain bytes of small frames
constexpr uint32_t kSkippableMark = 0x184D2A50u;  // and the 15 behind it
constexpr int64_t kHeadBytes = 64;

// Bytes of the file at some place; what is behind its end reads as missing.
class Head {
 public:
  Head(arrow::io::RandomAccessFile& file, int64_t end) : file_(file), end_(end) {}

  Status Read(int64_t offset, int64_t size = kHeadBytes) {
    size_ = 0;
    // Sizes of a damaged file point anywhere.
    if (offset < 0 || offset >= end_) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(size_,
                          file_.ReadAt(offset, std::min(size, end_ - offset), bytes_));
    return Status::OK();
  }
  bool has(int64_t size) const { return size <= size_; }
  uint8_t at(int64_t i) const { return bytes_[i]; }
  uint64_t Number(int64_t at, int64_t count) const {
    uint64_t out = 0;
    for (int64_t i = 0; i < count; ++i) out |= uint64_t{bytes_[at + i]} << (8 * i);
    return out;
  }
  std::span<const uint8_t> from(int64_t at) const {
    return {bytes_ + at, static_cast<size_t>(size_ - at)};
  }

 private:
  arrow::io::RandomAccessFile& file_;
  const int64_t end_;
  uint8_t bytes_[kHeadBytes];
  int64_t size_ = 0;
};

// One step of a walk: where the next frame begins, and how many plain bytes this one has.
// -1: it can't be told.
struct Found {
  int64_t size = -1;
  int64_t plain = -1;
};

Result<Found> GzipMember(Head& head, int64_t at) {
  ARROW_RETURN_NOT_OK(head.Read(at));
  if (!head.has(kGzipHeaderBytes + 2) || head.Number(0, 3) != 0x088B1F ||
      (head.at(3) & kGzipExtraFlag) == 0) {
    return Found{};
  }
  const int64_t end =
      kGzipHeaderBytes + 2 + static_cast<int64_t>(head.Number(kGzipHeaderBytes, 2));
  if (!head.has(end)) return Found{};
  for (int64_t field = kGzipHeaderBytes + 2; field + 4 <= end;) {
    const int64_t size = static_cast<int64_t>(head.Number(field + 2, 2));
    if (field + 4 + size > end) return Found{};
    auto is = [&](const uint8_t(&name)[2], int64_t bytes) {
      return head.at(field) == name[0] && head.at(field + 1) == name[1] && size == bytes;
    };
    if (is(kSizesField, kSizesBytes)) {
      return Found{static_cast<int64_t>(head.Number(field + 4, 4)),
                   static_cast<int64_t>(head.Number(field + 8, 4))};
    }
    if (is(kBgzfField, kBgzfBytes)) {
      const int64_t member = static_cast<int64_t>(head.Number(field + 4, 2)) + 1;
      ARROW_RETURN_NOT_OK(head.Read(at + member - 4, 4));
      if (!head.has(4)) return Found{};
      return Found{member, static_cast<int64_t>(head.Number(0, 4))};
    }
    field += 4 + size;
  }
  return Found{};
}

// A frame that says nothing, of zstd and lz4.
bool IsSkippable(const Head& head, Found* found) {
  if (!head.has(8) || (head.Number(0, 4) & ~uint64_t{15}) != kSkippableMark) return false;
  *found = {8 + static_cast<int64_t>(head.Number(4, 4)), 0};
  return true;
}

Result<Found> ZstdFrame(Head& head, int64_t at) {
  ARROW_RETURN_NOT_OK(head.Read(at));
  Found skipped;
  if (IsSkippable(head, &skipped)) return skipped;
  if (!head.has(6) || head.Number(0, 4) != 0xFD2FB528u) return Found{};
  constexpr int64_t kDictionary[] = {0, 1, 2, 4};
  const int flags = head.at(4);
  const bool single = (flags & 0x20) != 0;
  const int64_t sum = (flags & 0x04) != 0 ? 4 : 0;
  int64_t here = 5 + (single ? 0 : 1) + kDictionary[flags & 3];
  int64_t bytes = int64_t{1} << (flags >> 6);
  if (bytes == 1 && !single) return Found{};
  if (!head.has(here + bytes)) return Found{};
  const uint64_t plain = head.Number(here, bytes) + (bytes == 2 ? 256 : 0);
  if (plain > static_cast<uint64_t>(kMostPlain)) return Found{};
  here += bytes;
  for (;;) {
    ARROW_RETURN_NOT_OK(head.Read(at + here, 3));
    if (!head.has(3)) return Found{};
    const uint64_t block = head.Number(0, 3);
    const int kind = static_cast<int>(block >> 1 & 3);
    if (kind == 3) return Found{};
    here += 3 + (kind == 1 ? 1 : static_cast<int64_t>(block >> 3));
    if ((block & 1) != 0) return Found{here + sum, static_cast<int64_t>(plain)};
  }
}

Result<Found> Lz4Frame(Head& head, int64_t at) {
  ARROW_RETURN_NOT_OK(head.Read(at));
  Found skipped;
  if (IsSkippable(head, &skipped)) return skipped;
  if (!head.has(15) || head.Number(0, 4) != 0x184D2204u) return Found{};
  const int flags = head.at(4);
  if ((flags & 0xC0) != 0x40 || (flags & 0x08) == 0) return Found{};
  const uint64_t plain = head.Number(6, 8);
  if (plain > static_cast<uint64_t>(kMostPlain)) return Found{};
  int64_t here = 15 + ((flags & 0x01) != 0 ? 4 : 0);
  const int64_t block_sum = (flags & 0x10) != 0 ? 4 : 0;
  for (;;) {
    ARROW_RETURN_NOT_OK(head.Read(at + here, 4));
    if (!head.has(4)) return Found{};
    const int64_t size = static_cast<int64_t>(head.Number(0, 4) & 0x7FFFFFFFu);
    here += 4;
    if (size == 0) break;
    here += size + block_sum;
  }
  return Found{here + ((flags & 0x04) != 0 ? 4 : 0), static_cast<int64_t>(plain)};
}

Result<Found> SnappyChunk(Head& head, int64_t at) {
  ARROW_RETURN_NOT_OK(head.Read(at));
  if (!head.has(4)) return Found{};
  const int64_t size = static_cast<int64_t>(head.Number(1, 3));
  if (head.at(0) >= kChunkFirstSkipped) return Found{4 + size, 0};
  if (head.at(0) == kChunkPlain) return Found{4 + size, size - 4};
  if (head.at(0) != kChunkCompressed || !head.has(9)) return Found{};
  size_t used = 0;
  const int64_t plain = BlockPlainSize(head.from(8), &used);
  if (plain > kS2ChunkBytes) return Found{};
  return Found{4 + size, plain};
}

Result<Found> OneFrame(Head& head, Compression compression, int64_t at) {
  switch (compression) {
    case Compression::kGzip: return GzipMember(head, at);
    case Compression::kZstd: return ZstdFrame(head, at);
    case Compression::kLz4: return Lz4Frame(head, at);
    case Compression::kSnappy:
    case Compression::kS2: return SnappyChunk(head, at);
    default: return Found{};
  }
}

}  // namespace

Result<std::optional<std::vector<Frame>>> FindFrames(arrow::io::RandomAccessFile& file,
                                                     Compression compression) {
  ARROW_ASSIGN_OR_RAISE(const int64_t end, file.GetSize());
  Head head(file, end);
  // What a reader from the beginning would refuse is left to it.
  ARROW_RETURN_NOT_OK(head.Read(0));
  if (CompressionOfBytes({reinterpret_cast<const char*>(head.from(0).data()),
                          head.from(0).size()}) != compression) {
    return std::nullopt;
  }
  std::vector<Frame> frames;
  int64_t plain = 0;
  for (int64_t at = 0; at < end;) {
    ARROW_ASSIGN_OR_RAISE(const Found found, OneFrame(head, compression, at));
    if (found.size <= 0 || found.plain < 0 || found.plain > kMostPlain ||
        found.size > end - at) {
      return std::nullopt;
    }
    if (!frames.empty() && frames.back().plain_size + found.plain <= kTogether) {
      frames.back().size += found.size;
      frames.back().plain_size += found.plain;
    } else {
      frames.push_back({at, found.size, plain, found.plain});
    }
    at += found.size;
    plain += found.plain;
  }
  if (frames.size() < 2) return std::nullopt;
  return frames;
}

}  // namespace millrace::io
