#include "millrace/io/compression/encoder.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/buffer_builder.h>
#include <arrow/util/compression.h>
#include <arrow/util/crc32.h>
#include <xxhash.h>

#include "millrace/io/compression/crc32c.h"
#include "millrace/io/compression/gzip_member.h"
#include "millrace/io/compression/snappy_decoder.h"

namespace millrace::io {

namespace {

using ArrowCodec = std::unique_ptr<arrow::util::Codec>;
using Bytes = std::span<const uint8_t>;
using Room = std::unique_ptr<arrow::ResizableBuffer>;

constexpr int64_t kStreamPiece = 256 << 10;

int64_t SizeOf(Bytes bytes) { return static_cast<int64_t>(bytes.size()); }

void PutNumber(uint8_t* out, uint64_t value, int count) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

Result<std::shared_ptr<arrow::Buffer>> Cut(Room room, int64_t size) {
  ARROW_RETURN_NOT_OK(room->Resize(size));
  return std::shared_ptr<arrow::Buffer>(std::move(room));
}

Result<ArrowCodec> MakeCodec(Compression compression, std::optional<int> level) {
  const auto levels = LevelsOf(compression);
  const int chosen = levels ? level.value_or(levels->standard)
                            : arrow::util::kUseDefaultCompressionLevel;
  return arrow::util::Codec::Create(ArrowTypeOf(compression), chosen);
}

class GzipEncoder final : public FrameEncoder {
 public:
  static Result<std::unique_ptr<FrameEncoder>> Make(int level, arrow::MemoryPool* pool) {
    arrow::util::GZipCodecOptions options;
    options.compression_level = level;
    options.gzip_format = arrow::util::GZipFormat::DEFLATE;
    ARROW_ASSIGN_OR_RAISE(auto codec,
                          arrow::util::Codec::Create(arrow::Compression::GZIP, options));
    return std::unique_ptr<FrameEncoder>(new GzipEncoder(std::move(codec), pool));
  }

  Result<std::shared_ptr<arrow::Buffer>> Encode(Bytes plain) override {
    constexpr int64_t kField = 2 + 4 + kSizesBytes;
    constexpr int64_t kHead = kGzipHeaderBytes + kField;
    const int64_t most = codec_->MaxCompressedLen(SizeOf(plain), plain.data());
    ARROW_ASSIGN_OR_RAISE(Room out, arrow::AllocateResizableBuffer(
                                        kHead + most + kGzipTrailerBytes, pool_));
    uint8_t* d = out->mutable_data();
    ARROW_ASSIGN_OR_RAISE(const int64_t body,
                          codec_->Compress(SizeOf(plain), plain.data(), most, d + kHead));
    const int64_t size = kHead + body + kGzipTrailerBytes;
    // No time and no name: the same rows give the same bytes.
    const uint8_t head[kGzipHeaderBytes] = {0x1F, 0x8B, 8,  kGzipExtraFlag, 0, 0, 0,
                                            0,    0,    255};
    memcpy(d, head, sizeof(head));
    PutNumber(d + kGzipHeaderBytes, kField - 2, 2);
    memcpy(d + kGzipHeaderBytes + 2, kSizesField, 2);
    PutNumber(d + kGzipHeaderBytes + 4, kSizesBytes, 2);
    PutNumber(d + kGzipHeaderBytes + 6, static_cast<uint64_t>(size), 4);
    PutNumber(d + kGzipHeaderBytes + 10, plain.size(), 4);
    PutNumber(d + kHead + body, arrow::internal::crc32(0, plain.data(), plain.size()), 4);
    PutNumber(d + kHead + body + 4, plain.size(), 4);
    return Cut(std::move(out), size);
  }

 private:
  GzipEncoder(ArrowCodec codec, arrow::MemoryPool* pool)
      : codec_(std::move(codec)), pool_(pool) {}
  const ArrowCodec codec_;
  arrow::MemoryPool* const pool_;
};

class ZstdEncoder final : public FrameEncoder {
 public:
  ZstdEncoder(ArrowCodec codec, arrow::MemoryPool* pool)
      : codec_(std::move(codec)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Buffer>> Encode(Bytes plain) override {
    constexpr uint8_t kHasSum = 0x04;
    constexpr int64_t kSum = 4;
    const int64_t most = codec_->MaxCompressedLen(SizeOf(plain), plain.data());
    ARROW_ASSIGN_OR_RAISE(Room out, arrow::AllocateResizableBuffer(most + kSum, pool_));
    uint8_t* d = out->mutable_data();
    ARROW_ASSIGN_OR_RAISE(int64_t size,
                          codec_->Compress(SizeOf(plain), plain.data(), most, d));
    // One call writes the size of the content, but no checksum: it stands behind all, and
    // one bit of the header tells that it is there.
    if ((d[4] & kHasSum) == 0) {
      d[4] |= kHasSum;
      PutNumber(d + size, XXH64(plain.data(), plain.size(), 0), kSum);
      size += kSum;
    }
    return Cut(std::move(out), size);
  }

 private:
  const ArrowCodec codec_;
  arrow::MemoryPool* const pool_;
};

class Lz4Encoder final : public FrameEncoder {
 public:
  Lz4Encoder(ArrowCodec codec, arrow::MemoryPool* pool)
      : codec_(std::move(codec)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Buffer>> Encode(Bytes plain) override {
    constexpr int64_t kBlock = 4 << 20;
    constexpr int64_t kHead = 15, kTail = 8;
    constexpr uint32_t kStored = 0x80000000u;
    const int64_t blocks = (SizeOf(plain) + kBlock - 1) / kBlock;
    const int64_t most = codec_->MaxCompressedLen(kBlock, plain.data());
    const int64_t room = blocks <= 1
                             ? codec_->MaxCompressedLen(SizeOf(plain), plain.data())
                             : blocks * most;
    ARROW_ASSIGN_OR_RAISE(
        Room out, arrow::AllocateResizableBuffer(
                      kHead + blocks * 4 + std::max(room, SizeOf(plain)) + kTail, pool_));
    uint8_t* const begin = out->mutable_data();
    PutNumber(begin, 0x184D2204u, 4);
    // Version 1, independent blocks, sizes and checksum of the content; blocks of up to 4
    // MiB.
    begin[4] = 0x40 | 0x20 | 0x08 | 0x04;
    begin[5] = 0x70;
    PutNumber(begin + 6, plain.size(), 8);
    begin[14] = static_cast<uint8_t>(XXH32(begin + 4, 10, 0) >> 8);
    uint8_t* d = begin + kHead;
    for (int64_t at = 0; at < SizeOf(plain); at += kBlock) {
      const int64_t size = std::min(kBlock, SizeOf(plain) - at);
      ARROW_ASSIGN_OR_RAISE(
          int64_t packed,
          codec_->Compress(size, plain.data() + at,
                           codec_->MaxCompressedLen(size, plain.data() + at), d + 4));
      if (packed < size) {
        PutNumber(d, static_cast<uint64_t>(packed), 4);
      } else {
        packed = size;
        memcpy(d + 4, plain.data() + at, static_cast<size_t>(size));
        PutNumber(d, static_cast<uint32_t>(size) | kStored, 4);
      }
      d += 4 + packed;
    }
    PutNumber(d, 0, 4);
    PutNumber(d + 4, XXH32(plain.data(), plain.size(), 0), 4);
    return Cut(std::move(out), d + kTail - begin);
  }

 private:
  const ArrowCodec codec_;
  arrow::MemoryPool* const pool_;
};

// Both framing formats. What snappy packs, every reader of S2 can unpack.
class SnappyEncoder final : public FrameEncoder {
 public:
  SnappyEncoder(ArrowCodec codec, bool s2, arrow::MemoryPool* pool)
      : codec_(std::move(codec)), s2_(s2), pool_(pool) {}

  Result<std::shared_ptr<arrow::Buffer>> Encode(Bytes plain) override {
    constexpr int64_t kS2Piece = 1 << 20;  // of the 4 MiB that are allowed
    constexpr int64_t kHead = 8;           // of a chunk, with its checksum
    const int64_t piece = s2_ ? kS2Piece : kSnappyChunkBytes;
    const std::string_view mark = s2_ ? kS2Mark : kSnappyMark;
    const int64_t pieces = (SizeOf(plain) + piece - 1) / piece;
    const int64_t most = codec_->MaxCompressedLen(piece, plain.data());
    ARROW_ASSIGN_OR_RAISE(
        Room out,
        arrow::AllocateResizableBuffer(
            static_cast<int64_t>(mark.size()) + pieces * (kHead + most), pool_));
    uint8_t* const begin = out->mutable_data();
    uint8_t* d = std::copy(mark.begin(), mark.end(), begin);
    for (int64_t at = 0; at < SizeOf(plain); at += piece) {
      const Bytes part =
          plain.subspan(static_cast<size_t>(at),
                        static_cast<size_t>(std::min(piece, SizeOf(plain) - at)));
      ARROW_ASSIGN_OR_RAISE(int64_t packed,
                            codec_->Compress(SizeOf(part), part.data(), most, d + kHead));
      d[0] = kChunkCompressed;
      // Less than an eighth saved is not worth unpacking.
      if (packed >= SizeOf(part) - SizeOf(part) / 8) {
        d[0] = kChunkPlain;
        packed = SizeOf(part);
        memcpy(d + kHead, part.data(), part.size());
      }
      PutNumber(d + 1, static_cast<uint64_t>(packed + 4), 3);
      PutNumber(d + 4, MaskedCrc32c(part), 4);
      d += kHead + packed;
    }
    return Cut(std::move(out), d - begin);
  }

 private:
  const ArrowCodec codec_;
  const bool s2_;
  arrow::MemoryPool* const pool_;
};

class ArrowStream final : public StreamEncoder {
 public:
  ArrowStream(ArrowCodec codec, std::shared_ptr<arrow::util::Compressor> compressor,
              Room room)
      : codec_(std::move(codec)),
        compressor_(std::move(compressor)),
        room_(std::move(room)) {}

  Status Write(Bytes plain, WritableFile& to) override {
    while (!plain.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto step,
                            compressor_->Compress(SizeOf(plain), plain.data(),
                                                  room_->size(), room_->mutable_data()));
      ARROW_RETURN_NOT_OK(Put(step.bytes_written, to));
      plain = plain.subspan(static_cast<size_t>(step.bytes_read));
    }
    return Status::OK();
  }

  Status Finish(WritableFile& to) override {
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto step,
                            compressor_->End(room_->size(), room_->mutable_data()));
      ARROW_RETURN_NOT_OK(Put(step.bytes_written, to));
      if (!step.should_retry) return Status::OK();
    }
  }

 private:
  Status Put(int64_t size, WritableFile& to) {
    return size > 0 ? to.Write(room_->data(), size) : Status::OK();
  }

  const ArrowCodec codec_;
  const std::shared_ptr<arrow::util::Compressor> compressor_;
  const Room room_;
};

// Collects what a stream gives.
class BufferFile final : public WritableFile {
 public:
  explicit BufferFile(arrow::MemoryPool* pool) : builder_(pool) {}
  Status Write(const void* data, int64_t size) override {
    return builder_.Append(data, size);
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return builder_.length(); }
  Result<std::shared_ptr<arrow::Buffer>> Take() { return builder_.Finish(); }

 private:
  arrow::BufferBuilder builder_;
};

// A stream of its own for every piece.
class Bzip2Encoder final : public FrameEncoder {
 public:
  Bzip2Encoder(std::optional<int> level, arrow::MemoryPool* pool)
      : level_(level), pool_(pool) {}

  Result<std::shared_ptr<arrow::Buffer>> Encode(Bytes plain) override {
    ARROW_ASSIGN_OR_RAISE(auto stream,
                          MakeStreamEncoder(Compression::kBzip2, level_, pool_));
    BufferFile out(pool_);
    ARROW_RETURN_NOT_OK(stream->Write(plain, out));
    ARROW_RETURN_NOT_OK(stream->Finish(out));
    return out.Take();
  }

 private:
  const std::optional<int> level_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::unique_ptr<FrameEncoder>> MakeFrameEncoder(Compression compression,
                                                       std::optional<int> level,
                                                       arrow::MemoryPool* pool) {
  if (compression == Compression::kGzip) {
    return GzipEncoder::Make(level.value_or(LevelsOf(compression)->standard), pool);
  }
  if (compression == Compression::kBzip2) {
    return std::make_unique<Bzip2Encoder>(level, pool);
  }
  if (compression == Compression::kLz4) {
    // Blocks without Arrow's frame around them: ours tells its size.
    ARROW_ASSIGN_OR_RAISE(
        auto codec,
        arrow::util::Codec::Create(arrow::Compression::LZ4,
                                   level.value_or(LevelsOf(compression)->standard)));
    return std::make_unique<Lz4Encoder>(std::move(codec), pool);
  }
  ARROW_ASSIGN_OR_RAISE(auto codec, MakeCodec(compression, level));
  if (compression == Compression::kZstd) {
    return std::make_unique<ZstdEncoder>(std::move(codec), pool);
  }
  return std::make_unique<SnappyEncoder>(std::move(codec),
                                         compression == Compression::kS2, pool);
}

Result<std::unique_ptr<StreamEncoder>> MakeStreamEncoder(Compression compression,
                                                         std::optional<int> level,
                                                         arrow::MemoryPool* pool) {
  ArrowCodec codec;
  if (compression == Compression::kDeflate) {
    arrow::util::GZipCodecOptions options;
    options.compression_level = level.value_or(LevelsOf(compression)->standard);
    options.gzip_format = arrow::util::GZipFormat::ZLIB;
    ARROW_ASSIGN_OR_RAISE(codec,
                          arrow::util::Codec::Create(arrow::Compression::GZIP, options));
  } else {
    ARROW_ASSIGN_OR_RAISE(codec, MakeCodec(compression, level));
  }
  ARROW_ASSIGN_OR_RAISE(auto compressor, codec->MakeCompressor());
  ARROW_ASSIGN_OR_RAISE(Room room, arrow::AllocateResizableBuffer(kStreamPiece, pool));
  return std::make_unique<ArrowStream>(std::move(codec), std::move(compressor),
                                       std::move(room));
}

}  // namespace millrace::io
