// Streams of plain bytes over compressed ones.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/executor.h"
#include "millrace/formats/format.h"
#include "millrace/io/compression/compression.h"

namespace millrace::formats {

/// What is known of a file's compression before its bytes are seen.
struct CompressionHint {
  std::optional<io::Compression> required;         ///< by the options; absent: look
  io::Compression named = io::Compression::kNone;  ///< by the file's name
  std::string name;                                ///< of the file, for errors
};

/// How a file that begins with `head` is compressed. `complete`: it has no other bytes.
/// Fails with kNotCompressed where name or options and bytes contradict each other.
Result<io::Compression> ChooseCompression(const CompressionHint& hint,
                                          std::string_view head, bool complete);

/// The plain bytes of `bytes`, unpacked by whoever reads. kPending comes from `bytes`.
std::unique_ptr<ByteStream> MakeDecodingStream(std::shared_ptr<ByteStream> bytes,
                                               CompressionHint hint,
                                               arrow::MemoryPool* pool);

/// The bytes of a file in order. Never answers kPending.
std::shared_ptr<ByteStream> MakeFileStream(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name);

/// The plain bytes of a file, which can be sought: whoever reads before the first SeekTo
/// unpacks and waits; from then on `executor` does, a few pieces ahead. Without executor
/// the reader always does.
std::unique_ptr<ByteStream> MakeUnpackedFile(
    std::shared_ptr<arrow::io::RandomAccessFile> file, CompressionHint hint,
    Executor* executor, arrow::MemoryPool* pool);

}  // namespace millrace::formats
