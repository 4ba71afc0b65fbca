#include "millrace/formats/orc/footer.h"

#include <algorithm>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/buffer_builder.h>
#include <arrow/util/compression.h>

#include "millrace/formats/orc/errors.h"
#include "millrace/formats/orc/wire.h"

namespace millrace::formats::orc_format {

namespace {

constexpr uint32_t kTypesField = 4;
constexpr int64_t kChunkHeadBytes = 3;
// Footers have some bytes a stripe and column: more is a bomb.
constexpr int64_t kMostFooterBytes = int64_t{1} << 30;
constexpr int kMaxDepth = 64;

namespace compression {
constexpr uint64_t kNone = 0, kZlib = 1, kSnappy = 2, kLz4 = 4, kZstd = 5;
}  // namespace compression

Result<std::unique_ptr<arrow::util::Codec>> MakeCodec(uint64_t kind,
                                                      const std::string& file) {
  using arrow::Compression;
  using arrow::util::Codec;
  switch (kind) {
    case compression::kZlib: {
      arrow::util::GZipCodecOptions options;
      options.gzip_format = arrow::util::GZipFormat::DEFLATE;
      return Codec::Create(Compression::GZIP, options);
    }
    case compression::kSnappy: return Codec::Create(Compression::SNAPPY);
    case compression::kLz4: return Codec::Create(Compression::LZ4);
    case compression::kZstd: return Codec::Create(Compression::ZSTD);
    default: return errors::kOrcCodec.Make({.file = file}, "its number is {}", kind);
  }
}

// Into `out`, which has room for `room` bytes; tells how many there are.
Result<int64_t> Decompress(arrow::util::Codec& codec, const uint8_t* from, int64_t size,
                           int64_t room, uint8_t* out) {
  if (codec.compression_type() != arrow::Compression::ZSTD) {
    return codec.Decompress(size, from, room, out);
  }
  // In one piece Arrow wants to know how many there will be.
  ARROW_ASSIGN_OR_RAISE(const auto decompressor, codec.MakeDecompressor());
  int64_t written = 0;
  while (size > 0 && !decompressor->IsFinished()) {
    ARROW_ASSIGN_OR_RAISE(
        const auto step,
        decompressor->Decompress(size, from, room - written, out + written));
    if (step.bytes_read == 0 && step.bytes_written == 0) break;
    from += step.bytes_read;
    size -= step.bytes_read;
    written += step.bytes_written;
  }
  if (!decompressor->IsFinished()) {
    return Status::Invalid("a chunk of its footer can't be decompressed");
  }
  return written;
}

struct TypeNode {
  uint64_t kind = 0;
  uint64_t precision = 0;
  uint64_t scale = 0;
  std::vector<uint64_t> children;
};

Result<TypeNode> ParseType(std::string_view bytes) {
  TypeNode out;
  WireReader fields(bytes);
  for (WireField field; fields.Next(&field);) {
    switch (field.number) {
      case 1: out.kind = field.value; break;
      case 2:
        if (field.type == WireType::kBytes) {
          VarintReader numbers(field.bytes);
          for (uint64_t child = 0; numbers.Next(&child);) out.children.push_back(child);
          if (!numbers.ok()) return Status::Invalid("a type that can't be read");
        } else {
          out.children.push_back(field.value);
        }
        break;
      case 5: out.precision = field.value; break;
      case 6: out.scale = field.value; break;
      default: break;
    }
  }
  if (!fields.ok()) return Status::Invalid("a type that can't be read");
  return out;
}

// Of the type alone.
Status CheckType(const TypeNode& type) {
  constexpr uint64_t kUnion = 13, kDecimal = 14;
  constexpr uint64_t kMostDigits = 38;
  constexpr size_t kMostBranches = 127;
  if (type.kind == kDecimal &&
      (type.precision > kMostDigits || type.scale > kMostDigits)) {
    return Status::Invalid("a DECIMAL(", type.precision, ", ", type.scale, ")");
  }
  if (type.kind == kUnion && type.children.size() > kMostBranches) {
    return Status::Invalid("a UNION of ", type.children.size(), " types");
  }
  return Status::OK();
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> PlainFooter(
    const std::shared_ptr<arrow::Buffer>& footer, uint64_t kind, int64_t chunk_bytes,
    const std::string& file, arrow::MemoryPool* pool) {
  if (kind == compression::kNone) return footer;
  ARROW_ASSIGN_OR_RAISE(const auto codec, MakeCodec(kind, file));
  ARROW_ASSIGN_OR_RAISE(const auto chunk, arrow::AllocateBuffer(chunk_bytes, pool));
  arrow::BufferBuilder out(pool);
  const uint8_t* p = footer->data();
  for (int64_t left = footer->size(); left > 0;) {
    if (left < kChunkHeadBytes) return Status::Invalid("its footer ends inside a chunk");
    const int64_t head = p[0] | p[1] << 8 | p[2] << 16;
    const int64_t size = head >> 1;
    p += kChunkHeadBytes;
    left -= kChunkHeadBytes;
    if (size > left) return Status::Invalid("its footer ends inside a chunk");
    const bool plain = (head & 1) != 0;
    int64_t plain_size = size;
    if (!plain) {
      ARROW_ASSIGN_OR_RAISE(
          plain_size, Decompress(*codec, p, size, chunk_bytes, chunk->mutable_data()));
    }
    if (plain_size > kMostFooterBytes - out.length()) {
      return Status::Invalid("its footer has more than ", kMostFooterBytes, " bytes");
    }
    ARROW_RETURN_NOT_OK(out.Append(plain ? p : chunk->data(), plain_size));
    p += size;
    left -= size;
  }
  return out.Finish();
}

Status CheckTypes(std::string_view footer) {
  std::vector<TypeNode> types;
  WireReader fields(footer);
  for (WireField field; fields.Next(&field);) {
    if (field.number != kTypesField) continue;
    ARROW_ASSIGN_OR_RAISE(types.emplace_back(), ParseType(field.bytes));
    ARROW_RETURN_NOT_OK(CheckType(types.back()));
  }
  if (!fields.ok()) return Status::Invalid("a footer that can't be read");
  // Types stand before those that they hold: one look in their order knows every depth.
  std::vector<int> depths(types.size(), 0);
  for (size_t i = 0; i < types.size(); ++i) {
    for (const uint64_t child : types[i].children) {
      if (child <= i || child >= types.size() || depths[child] != 0) {
        return Status::Invalid("its types are no tree: type ", i, " of ", types.size(),
                               " holds type ", child);
      }
      depths[child] = depths[i] + 1;
      if (depths[child] > kMaxDepth) {
        return Status::Invalid("its types are nested more than ", kMaxDepth, " deep");
      }
    }
  }
  return Status::OK();
}

}  // namespace millrace::formats::orc_format
