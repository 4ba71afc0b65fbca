// CopyBytes: bytes of one file at the end of another.
#pragma once

#include <cstdint>

#include <arrow/type_fwd.h>

#include "millrace/io/file_system.h"

namespace millrace::formats {

/// Append bytes [begin, end) of `from` to `to`, through one buffer from `pool`. Fails
/// with kFileIo when `from` is shorter.
Status CopyBytes(arrow::io::RandomAccessFile& from, int64_t begin, int64_t end,
                 io::WritableFile& to, arrow::MemoryPool* pool);

}  // namespace millrace::formats
