#include "millrace/io/compression/snappy_decoder.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>

#include "millrace/io/compression/crc32c.h"
#include "millrace/io/compression/errors.h"
#include "millrace/io/compression/s2_block.h"

namespace millrace::io {

namespace {

constexpr int64_t kHeaderBytes = 4;
constexpr int64_t kSumBytes = 4;
// What packing can add to bytes that can't be packed.
constexpr int64_t kMostChunk = kS2ChunkBytes + kS2ChunkBytes / 6 + 64;

uint32_t LittleEndian(const uint8_t* at, int count) {
  uint32_t out = 0;
  for (int i = 0; i < count; ++i) out |= uint32_t{at[i]} << (8 * i);
  return out;
}

class SnappyDecoder final : public Decoder {
 public:
  SnappyDecoder(std::string name, arrow::MemoryPool* pool, DecodeFrom from,
                int64_t offset)
      : name_(std::move(name)), pool_(pool), offset_(offset) {
    // A frame may begin behind the mark that says which of the two it is.
    if (from == DecodeFrom::kFrame) most_plain_ = kS2ChunkBytes;
  }

  Result<Step> Decode(std::span<const uint8_t> in, std::span<uint8_t> out) override {
    Step step;
    for (;;) {
      if (plain_at_ < plain_size_) {
        const int64_t size = std::min<int64_t>(
            plain_size_ - plain_at_, static_cast<int64_t>(out.size()) - step.written);
        memcpy(out.data() + step.written, plain_->data() + plain_at_,
               static_cast<size_t>(size));
        plain_at_ += size;
        step.written += size;
        if (plain_at_ < plain_size_) return step;
      }
      const auto rest = in.subspan(static_cast<size_t>(step.read));
      if (skip_ > 0) {
        const int64_t size = std::min<int64_t>(skip_, static_cast<int64_t>(rest.size()));
        skip_ -= size;
        step.read += size;
        offset_ += size;
        if (skip_ > 0) return step;
        continue;
      }
      const int64_t wanted = have_ < kHeaderBytes ? kHeaderBytes : kHeaderBytes + size_;
      if (have_ < wanted) {
        if (rest.empty()) return step;
        ARROW_RETURN_NOT_OK(Reserve(&chunk_, wanted));
        const int64_t size =
            std::min<int64_t>(wanted - have_, static_cast<int64_t>(rest.size()));
        memcpy(chunk_->mutable_data() + have_, rest.data(), static_cast<size_t>(size));
        have_ += size;
        step.read += size;
        offset_ += size;
      }
      if (have_ == kHeaderBytes && wanted == kHeaderBytes) ARROW_RETURN_NOT_OK(Begin());
      if (have_ >= kHeaderBytes && have_ == kHeaderBytes + size_ && skip_ == 0) {
        ARROW_RETURN_NOT_OK(Finish());
      }
    }
  }

  Status End() const override {
    if (have_ == 0 && skip_ == 0 && most_plain_ > 0) return Status::OK();
    return errors::kCompressedCutOff.Make({.file = name_}, "after {} bytes", offset_);
  }

 private:
  uint8_t kind() const { return chunk_->data()[0]; }

  template <typename... Args>
  Status Broken(fmt::format_string<Args...> format, Args&&... args) const {
    return errors::kCompressedBroken.Make(
        {.file = name_}, "before byte {} of the compressed file: {}", offset_,
        fmt::format(format, std::forward<Args>(args)...));
  }

  Status Reserve(std::unique_ptr<arrow::ResizableBuffer>* buffer, int64_t size) {
    if (!*buffer) {
      ARROW_ASSIGN_OR_RAISE(*buffer, arrow::AllocateResizableBuffer(size, pool_));
    } else if ((*buffer)->size() < size) {
      ARROW_RETURN_NOT_OK((*buffer)->Resize(size));
    }
    return Status::OK();
  }

  // The header of a chunk is there.
  Status Begin() {
    size_ = LittleEndian(chunk_->data() + 1, 3);
    if (most_plain_ == 0 && kind() != kChunkMark) return Broken("it has no mark");
    switch (kind()) {
      case kChunkMark:
        if (size_ != 6) return Broken("a mark of {} bytes", size_);
        return Status::OK();
      case kChunkCompressed:
      case kChunkPlain:
        if (size_ < kSumBytes || size_ > kMostChunk) {
          return Broken("a chunk of {} bytes", size_);
        }
        return Status::OK();
      default:
        if (kind() < kChunkFirstSkipped) return Broken("a chunk of kind {}", kind());
        skip_ = size_;
        have_ = 0;
        size_ = 0;
        return Status::OK();
    }
  }

  // All of a chunk is there.
  Status Finish() {
    const uint8_t* body = chunk_->data() + kHeaderBytes;
    have_ = 0;
    if (kind() == kChunkMark) {
      const std::string_view mark(reinterpret_cast<const char*>(chunk_->data()), 10);
      if (mark != kSnappyMark && mark != kS2Mark) return Broken("a mark of another kind");
      most_plain_ = mark == kS2Mark ? kS2ChunkBytes : kSnappyChunkBytes;
      return Status::OK();
    }
    const std::span<const uint8_t> block(body + kSumBytes,
                                         static_cast<size_t>(size_ - kSumBytes));
    size_t used = 0;
    const int64_t plain = kind() == kChunkPlain ? static_cast<int64_t>(block.size())
                                                : BlockPlainSize(block, &used);
    if (plain < 0 || plain > most_plain_) return Broken("a chunk of {} bytes", plain);
    ARROW_RETURN_NOT_OK(Reserve(&plain_, std::max<int64_t>(plain, 1)));
    const std::span<uint8_t> out(plain_->mutable_data(), static_cast<size_t>(plain));
    if (kind() == kChunkPlain) {
      std::copy(block.begin(), block.end(), out.begin());
    } else if (!DecodeS2Block(block, out)) {
      return Broken("a block that can't be unpacked");
    }
    if (MaskedCrc32c(out) != LittleEndian(body, 4))
      return Broken("a checksum is not right");
    plain_at_ = 0;
    plain_size_ = plain;
    return Status::OK();
  }

  const std::string name_;
  arrow::MemoryPool* const pool_;
  int64_t offset_;
  int64_t most_plain_ = 0;                         // of a chunk; 0: no mark yet
  std::unique_ptr<arrow::ResizableBuffer> chunk_;  // with its header
  int64_t have_ = 0;                               // bytes in chunk_
  int64_t size_ = 0;                               // of the chunk, without its header
  int64_t skip_ = 0;                               // bytes of a chunk that says nothing
  std::unique_ptr<arrow::ResizableBuffer> plain_;
  int64_t plain_at_ = 0, plain_size_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> MakeSnappyDecoder(std::string name, arrow::MemoryPool* pool,
                                           DecodeFrom from, int64_t offset) {
  return std::make_unique<SnappyDecoder>(std::move(name), pool, from, offset);
}

}  // namespace millrace::io
