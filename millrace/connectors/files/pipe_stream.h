// PipeStream: bytes of a pipe, read by the executor so that no shard ever waits for them.
#pragma once

#include <memory>

#include "millrace/base/executor.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// Reads file descriptor `fd` (not owned) one piece ahead. Used by one task; the piece is
/// filled on `executor`.
std::unique_ptr<formats::ByteStream> MakePipeStream(int fd, Executor* executor);

}  // namespace millrace::files
