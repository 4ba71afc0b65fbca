// Codecs of Avro blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <arrow/type_fwd.h>

#include "millrace/formats/avro/decoder.h"

namespace millrace::formats::avro {

/// Used by one thread.
class BlockCodec {
 public:
  virtual ~BlockCodec() = default;
  /// The plain bytes of a block, in `out` with kPadding behind. Fails where they are more
  /// than `most`.
  virtual Result<std::span<const uint8_t>> Decompress(std::span<const uint8_t> block,
                                                      int64_t most, Growing* out) = 0;
  /// A block of plain bytes, appended behind the first *size bytes of `out`, which grows.
  virtual Status Compress(std::span<const uint8_t> plain, Growing* out,
                          int64_t* size) = 0;
};

/// The codec called `name` in files, null for "null". `level` −1: the codec's own. Fails
/// with kAvroCodec.
Result<std::unique_ptr<BlockCodec>> MakeBlockCodec(const std::string& name, int level,
                                                   const std::string& file,
                                                   arrow::MemoryPool* pool);

}  // namespace millrace::formats::avro
