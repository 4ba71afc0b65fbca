// Streams of UTF-8 over those of text in other encodings.
#pragma once

#include <memory>
#include <string>

#include "millrace/formats/format.h"

namespace millrace::formats {

/// `bytes` as UTF-8. `choice` is one of EncodingChoices; what it finds to be UTF-8 passes
/// as it is. Can be sought where `bytes` can, at the cost of reading all before. `file`
/// is for errors.
std::unique_ptr<ByteStream> MakeTranscodingStream(std::shared_ptr<ByteStream> bytes,
                                                  std::string choice, std::string file,
                                                  arrow::MemoryPool* pool);

}  // namespace millrace::formats
