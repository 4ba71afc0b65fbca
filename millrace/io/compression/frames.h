// Frames: the parts of a compressed file that can be unpacked on their own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <arrow/io/type_fwd.h>
#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/io/compression/compression.h"

namespace millrace::io {

struct Frame {
  int64_t begin = 0, size = 0;              ///< in the file
  int64_t plain_begin = 0, plain_size = 0;  ///< in what it unpacks to
};

/// The frames of a file, small ones together, found in headers without unpacking any.
/// None where headers do not tell all sizes, where there is one frame only, or one is too
/// large to be held in memory: such a file is read from its beginning.
Result<std::optional<std::vector<Frame>>> FindFrames(arrow::io::RandomAccessFile& file,
                                                     Compression compression);

}  // namespace millrace::io
