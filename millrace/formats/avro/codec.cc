#include "millrace/formats/avro/codec.h"

#include <algorithm>
#include <cstring>

#include <arrow/util/compression.h>
#include <arrow/util/crc32.h>
#include <lzma.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

namespace {

constexpr int64_t kChecksumBytes = 4;
constexpr uint64_t kMostXzMemory = 256 << 20;  // the highest preset takes 65 MiB

class Base : public BlockCodec {
 public:
  Base(const std::string& file, arrow::MemoryPool* pool) : file_(file), pool_(pool) {}

 protected:
  Status Broken(std::string_view why) const {
    return errors::kAvroBroken.Make({.file = file_}, "a block can't be decompressed: {}",
                                    why);
  }
  Status TooLarge(int64_t most) const {
    return errors::kAvroTooLarge.Make(
        {.file = file_}, "it holds more than {} bytes when decompressed", most);
  }
  // More room behind `have` bytes, for plain bytes of at most `most`.
  Status Grow(Growing* out, int64_t have, int64_t most) const {
    if (have > most) return TooLarge(most);
    const int64_t wanted = std::min(std::max<int64_t>(2 * have, 64 << 10), most + 1);
    return out->Reserve(wanted + kPadding, pool_);
  }
  std::span<const uint8_t> Padded(Growing* out, int64_t size) const {
    memset(out->data() + size, 0, static_cast<size_t>(kPadding));
    return {out->data(), static_cast<size_t>(size)};
  }

  const std::string file_;
  arrow::MemoryPool* const pool_;
};

// Codecs that Arrow has: deflate, zstandard, bzip2.
class ArrowCodec : public Base {
 public:
  ArrowCodec(std::unique_ptr<arrow::util::Codec> codec, const std::string& file,
             arrow::MemoryPool* pool)
      : Base(file, pool), codec_(std::move(codec)) {}

  Result<std::span<const uint8_t>> Decompress(std::span<const uint8_t> block,
                                              int64_t most, Growing* out) override {
    if (!decompressor_) {
      ARROW_ASSIGN_OR_RAISE(decompressor_, codec_->MakeDecompressor());
    } else {
      ARROW_RETURN_NOT_OK(decompressor_->Reset());
    }
    int64_t size = 0;
    const uint8_t* from = block.data();
    int64_t left = static_cast<int64_t>(block.size());
    ARROW_RETURN_NOT_OK(Grow(out, std::min(2 * left, most), most));
    for (;;) {
      if (decompressor_->IsFinished()) {
        // Some writers leave the end of zlib's checksum behind a deflated block.
        if (left == 0 || codec_->compression_type() == arrow::Compression::GZIP) break;
        ARROW_RETURN_NOT_OK(decompressor_->Reset());
      }
      const int64_t room = out->capacity() - kPadding - size;
      auto step = decompressor_->Decompress(left, from, room, out->data() + size);
      if (!step.ok()) return Broken(step.status().message());
      from += step->bytes_read;
      left -= step->bytes_read;
      size += step->bytes_written;
      if (size > most) return TooLarge(most);
      if (step->bytes_read == 0 && step->bytes_written == 0 && room > 0 &&
          !decompressor_->IsFinished()) {
        return Broken("it ends early");
      }
      if (size + kPadding == out->capacity()) ARROW_RETURN_NOT_OK(Grow(out, size, most));
    }
    return Padded(out, size);
  }

  Status Compress(std::span<const uint8_t> plain, Growing* out, int64_t* size) override {
    const int64_t length = static_cast<int64_t>(plain.size());
    if (codec_->compression_type() == arrow::Compression::BZ2) {
      return CompressStream(plain, out, size);
    }
    const int64_t most = codec_->MaxCompressedLen(length, plain.data());
    ARROW_RETURN_NOT_OK(out->Reserve(*size + most, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, codec_->Compress(length, plain.data(), most,
                                                              out->data() + *size));
    *size += got;
    return Status::OK();
  }

 private:
  Status CompressStream(std::span<const uint8_t> plain, Growing* out, int64_t* size) {
    ARROW_ASSIGN_OR_RAISE(auto compressor, codec_->MakeCompressor());
    const uint8_t* from = plain.data();
    int64_t left = static_cast<int64_t>(plain.size());
    for (;;) {
      ARROW_RETURN_NOT_OK(out->Reserve(*size + (64 << 10), pool_));
      const int64_t room = out->capacity() - *size;
      if (left > 0) {
        ARROW_ASSIGN_OR_RAISE(
            const auto step, compressor->Compress(left, from, room, out->data() + *size));
        from += step.bytes_read;
        left -= step.bytes_read;
        *size += step.bytes_written;
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto step, compressor->End(room, out->data() + *size));
      *size += step.bytes_written;
      if (!step.should_retry) return Status::OK();
    }
  }

  const std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::util::Decompressor> decompressor_;
};

// Raw snappy with the checksum of the plain bytes behind it.
class SnappyCodec final : public Base {
 public:
  SnappyCodec(std::unique_ptr<arrow::util::Codec> codec, const std::string& file,
              arrow::MemoryPool* pool)
      : Base(file, pool), codec_(std::move(codec)) {}

  Result<std::span<const uint8_t>> Decompress(std::span<const uint8_t> block,
                                              int64_t most, Growing* out) override {
    const int64_t size = static_cast<int64_t>(block.size()) - kChecksumBytes;
    if (size < 1) return Broken("it lacks its checksum");
    uint64_t plain = 0;
    if (ReadVarint(block.data(), &plain) == nullptr) return Broken("it has no length");
    if (plain > static_cast<uint64_t>(most)) return TooLarge(most);
    const int64_t length = static_cast<int64_t>(plain);
    ARROW_RETURN_NOT_OK(out->Reserve(length + kPadding, pool_));
    auto got = codec_->Decompress(size, block.data(), length, out->data());
    if (!got.ok()) return Broken(got.status().message());
    if (*got != length) return Broken("it ends early");
    const uint32_t sum = arrow::internal::crc32(0, out->data(), plain);
    uint8_t told[kChecksumBytes];
    PutBigEndian(sum, told);
    if (memcmp(told, block.data() + size, sizeof(told)) != 0) {
      return Broken("its checksum is wrong");
    }
    return Padded(out, length);
  }

  Status Compress(std::span<const uint8_t> plain, Growing* out, int64_t* size) override {
    const int64_t length = static_cast<int64_t>(plain.size());
    const int64_t most = codec_->MaxCompressedLen(length, plain.data());
    ARROW_RETURN_NOT_OK(out->Reserve(*size + most + kChecksumBytes, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, codec_->Compress(length, plain.data(), most,
                                                              out->data() + *size));
    *size += got;
    PutBigEndian(arrow::internal::crc32(0, plain.data(), plain.size()),
                 out->data() + *size);
    *size += kChecksumBytes;
    return Status::OK();
  }

 private:
  static void PutBigEndian(uint32_t value, uint8_t* out) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
  }

  const std::unique_ptr<arrow::util::Codec> codec_;
};

class XzCodec final : public Base {
 public:
  XzCodec(int level, const std::string& file, arrow::MemoryPool* pool)
      : Base(file, pool), level_(level < 0 ? LZMA_PRESET_DEFAULT : level) {}

  Result<std::span<const uint8_t>> Decompress(std::span<const uint8_t> block,
                                              int64_t most, Growing* out) override {
    Stream xz;
    if (lzma_stream_decoder(&xz.stream, kMostXzMemory, LZMA_CONCATENATED) != LZMA_OK) {
      return Broken("xz could not begin");
    }
    xz.stream.next_in = block.data();
    xz.stream.avail_in = block.size();
    int64_t size = 0;
    ARROW_RETURN_NOT_OK(
        Grow(out, std::min(4 * static_cast<int64_t>(block.size()), most), most));
    for (;;) {
      const int64_t room = out->capacity() - kPadding - size;
      xz.stream.next_out = out->data() + size;
      xz.stream.avail_out = static_cast<size_t>(room);
      const lzma_ret ret = lzma_code(&xz.stream, LZMA_FINISH);
      size += room - static_cast<int64_t>(xz.stream.avail_out);
      if (size > most) return TooLarge(most);
      if (ret == LZMA_STREAM_END) return Padded(out, size);
      if (ret == LZMA_MEMLIMIT_ERROR) return Broken("it needs too much memory");
      if (ret != LZMA_OK) return Broken("it is damaged");
      if (xz.stream.avail_out > 0 && xz.stream.avail_in == 0) {
        return Broken("it ends early");
      }
      ARROW_RETURN_NOT_OK(Grow(out, size, most));
    }
  }

  Status Compress(std::span<const uint8_t> plain, Growing* out, int64_t* size) override {
    const size_t most = lzma_stream_buffer_bound(plain.size());
    ARROW_RETURN_NOT_OK(out->Reserve(*size + static_cast<int64_t>(most), pool_));
    size_t got = 0;
    const lzma_ret ret = lzma_easy_buffer_encode(
        static_cast<uint32_t>(level_), LZMA_CHECK_CRC64, nullptr, plain.data(),
        plain.size(), out->data() + *size, &got, most);
    if (ret != LZMA_OK) {
      return errors::kAvroUnrepresentable.Make({}, "xz failed with {}",
                                               static_cast<int>(ret));
    }
    *size += static_cast<int64_t>(got);
    return Status::OK();
  }

 private:
  struct Stream {
    ~Stream() { lzma_end(&stream); }
    lzma_stream stream = LZMA_STREAM_INIT;
  };
  const int level_;
};

}  // namespace

Result<std::unique_ptr<BlockCodec>> MakeBlockCodec(const std::string& name, int level,
                                                   const std::string& file,
                                                   arrow::MemoryPool* pool) {
  using arrow::Compression;
  using arrow::util::Codec;
  if (name == "null") return nullptr;
  if (name == "xz") return std::make_unique<XzCodec>(level, file, pool);
  const int of_arrow = level < 0 ? arrow::util::kUseDefaultCompressionLevel : level;
  if (name == "snappy") {
    ARROW_ASSIGN_OR_RAISE(auto codec, Codec::Create(Compression::SNAPPY));
    return std::make_unique<SnappyCodec>(std::move(codec), file, pool);
  }
  std::unique_ptr<Codec> codec;
  if (name == "deflate") {
    arrow::util::GZipCodecOptions options;
    options.gzip_format = arrow::util::GZipFormat::DEFLATE;
    options.compression_level = of_arrow;
    ARROW_ASSIGN_OR_RAISE(codec, Codec::Create(Compression::GZIP, options));
  } else if (name == "zstandard") {
    ARROW_ASSIGN_OR_RAISE(codec, Codec::Create(Compression::ZSTD, of_arrow));
  } else if (name == "bzip2") {
    ARROW_ASSIGN_OR_RAISE(codec, Codec::Create(Compression::BZ2, of_arrow));
  } else {
    return errors::kAvroCodec.Make({.file = file}, "'{}'", name);
  }
  return std::make_unique<ArrowCodec>(std::move(codec), file, pool);
}

}  // namespace millrace::formats::avro
