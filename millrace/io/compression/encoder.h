// Encoders: plain bytes → compressed ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/io/compression/compression.h"
#include "millrace/io/file_system.h"

namespace millrace::io {

/// Makes pieces that are whole files in themselves, and one file when they are put after
/// one another. Where the format has room for it, a piece tells its own sizes, so that a
/// file of them can be read in parallel, and carries a checksum. Used by one thread.
class FrameEncoder {
 public:
  virtual ~FrameEncoder() = default;
  virtual Result<std::shared_ptr<arrow::Buffer>> Encode(
      std::span<const uint8_t> plain) = 0;
};

/// For formats that concatenate. `level`: within LevelsOf, or the standard one.
Result<std::unique_ptr<FrameEncoder>> MakeFrameEncoder(Compression compression,
                                                       std::optional<int> level,
                                                       arrow::MemoryPool* pool);

/// Makes one stream out of all bytes, for formats that do not concatenate. Used by one
/// thread.
class StreamEncoder {
 public:
  virtual ~StreamEncoder() = default;
  virtual Status Write(std::span<const uint8_t> plain, WritableFile& to) = 0;
  /// Nothing may be written afterwards.
  virtual Status Finish(WritableFile& to) = 0;
};

Result<std::unique_ptr<StreamEncoder>> MakeStreamEncoder(Compression compression,
                                                         std::optional<int> level,
                                                         arrow::MemoryPool* pool);

}  // namespace millrace::io
