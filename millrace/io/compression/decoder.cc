#include "millrace/io/compression/decoder.h"

#include <algorithm>

#include <arrow/util/compression.h>

#include "millrace/io/compression/errors.h"
#include "millrace/io/compression/snappy_decoder.h"

namespace millrace::io {

namespace {

// The algorithms that Arrow brings.
class ArrowDecoder final : public Decoder {
 public:
  ArrowDecoder(Compression compression, std::unique_ptr<arrow::util::Codec> codec,
               std::shared_ptr<arrow::util::Decompressor> decompressor, std::string name,
               int64_t offset)
      : compression_(compression),
        codec_(std::move(codec)),
        decompressor_(std::move(decompressor)),
        name_(std::move(name)),
        offset_(offset) {}

  Result<Step> Decode(std::span<const uint8_t> in, std::span<uint8_t> out) override {
    Step step;
    if (ended_) {
      // Tapes and blocks are filled up with zeros.
      while (padded_ && step.read < static_cast<int64_t>(in.size()) &&
             in[static_cast<size_t>(step.read)] == 0) {
        ++step.read;
      }
      offset_ += step.read;
      if (step.read == static_cast<int64_t>(in.size())) return step;
      in = in.subspan(static_cast<size_t>(step.read));
      if (!Concatenates(compression_)) return Broken("something stands behind its end");
      ARROW_RETURN_NOT_OK(decompressor_->Reset());
      ended_ = false;
    }
    begun_ |= !in.empty();
    if (!begun_) return step;
    auto got = decompressor_->Decompress(static_cast<int64_t>(in.size()), in.data(),
                                         static_cast<int64_t>(out.size()), out.data());
    if (!got.ok()) return Broken(got.status().message());
    step.read += got->bytes_read;
    step.written = got->bytes_written;
    offset_ += got->bytes_read;
    ended_ = decompressor_->IsFinished();
    if (got->bytes_read == 0 && got->bytes_written == 0 && !ended_ && !in.empty() &&
        !out.empty()) {
      if (stalled_) return Broken("it can't be read on");
      stalled_ = true;
    } else {
      stalled_ = false;
    }
    return step;
  }

  Status End() const override {
    if (ended_) return Status::OK();
    return errors::kCompressedCutOff.Make({.file = name_}, "after {} bytes", offset_);
  }

 private:
  Status Broken(std::string_view why) const {
    return errors::kCompressedBroken.Make(
        {.file = name_}, "about byte {} of the compressed file: {}", offset_, why);
  }

  const Compression compression_;
  const std::unique_ptr<arrow::util::Codec> codec_;
  const std::shared_ptr<arrow::util::Decompressor> decompressor_;
  const std::string name_;
  const bool padded_ = compression_ == Compression::kGzip;
  int64_t offset_;
  bool begun_ = false;
  bool ended_ = false;  // a member is complete, and no other has begun
  bool stalled_ = false;
};

}  // namespace

Result<std::unique_ptr<Decoder>> MakeDecoder(Compression compression, std::string name,
                                             arrow::MemoryPool* pool, DecodeFrom from,
                                             int64_t offset) {
  if (compression == Compression::kSnappy || compression == Compression::kS2) {
    return MakeSnappyDecoder(std::move(name), pool, from, offset);
  }
  std::unique_ptr<arrow::util::Codec> codec;
  if (compression == Compression::kDeflate) {
    arrow::util::GZipCodecOptions options;
    options.gzip_format = arrow::util::GZipFormat::ZLIB;
    ARROW_ASSIGN_OR_RAISE(codec,
                          arrow::util::Codec::Create(arrow::Compression::GZIP, options));
  } else {
    ARROW_ASSIGN_OR_RAISE(codec, arrow::util::Codec::Create(ArrowTypeOf(compression)));
  }
  ARROW_ASSIGN_OR_RAISE(auto decompressor, codec->MakeDecompressor());
  return std::make_unique<ArrowDecoder>(compression, std::move(codec),
                                        std::move(decompressor), std::move(name), offset);
}

}  // namespace millrace::io
