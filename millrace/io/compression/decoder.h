// Decoder: the bytes of one compressed file, in order → plain bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/io/compression/compression.h"

namespace millrace::io {

/// Reads members and frames one after another, and checks what checksums there are. Used
/// by one thread at a time; never waits.
class Decoder {
 public:
  struct Step {
    int64_t read = 0;     ///< bytes of `in` that are done with
    int64_t written = 0;  ///< bytes of `out` that were filled
  };
  virtual ~Decoder() = default;
  /// Take bytes from `in`, which may be empty, and give what they come to. A step that
  /// does neither needs more of them. Fails with kCompressedBroken.
  virtual Result<Step> Decode(std::span<const uint8_t> in, std::span<uint8_t> out) = 0;
  /// The input has ended: fails with kCompressedCutOff when that is too early.
  virtual Status End() const = 0;
};

/// Where in a file a decoder begins.
enum class DecodeFrom {
  kFileBegin,
  kFrame,  ///< a later frame: what stands before the first may be missing
};

/// `name`: of the file, for errors; `offset`: where its bytes begin in it.
Result<std::unique_ptr<Decoder>> MakeDecoder(Compression compression, std::string name,
                                             arrow::MemoryPool* pool,
                                             DecodeFrom from = DecodeFrom::kFileBegin,
                                             int64_t offset = 0);

}  // namespace millrace::io
