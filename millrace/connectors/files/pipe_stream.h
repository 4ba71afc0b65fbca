// PipeStream: bytes of a pipe, read by the executor so that no shard ever waits for them.
#pragma once

#include <memory>
#include <string>

#include "millrace/base/executor.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// Standard input, one piece ahead. Used by one task; the piece is filled on `executor`.
std::unique_ptr<formats::ByteStream> OpenStdin(Executor* executor);

/// The same of a named pipe or device. Fails with kFileUnreadable.
Result<std::unique_ptr<formats::ByteStream>> OpenPipe(const std::string& path,
                                                      Executor* executor);

}  // namespace millrace::files
