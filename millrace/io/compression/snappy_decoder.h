// The framing format of snappy, and that of S2.
#pragma once

#include "millrace/io/compression/decoder.h"

namespace millrace::io {

constexpr std::string_view kSnappyMark{"\xFF\x06\0\0sNaPpY", 10};
constexpr std::string_view kS2Mark{"\xFF\x06\0\0S2sTwO", 10};
/// Plain bytes of one chunk at the most.
constexpr int64_t kSnappyChunkBytes = 64 << 10;
constexpr int64_t kS2ChunkBytes = 4 << 20;

/// Kinds of chunks.
constexpr uint8_t kChunkCompressed = 0x00;
constexpr uint8_t kChunkPlain = 0x01;
constexpr uint8_t kChunkMark = 0xFF;
constexpr uint8_t kChunkFirstSkipped = 0x80;  ///< those below are reserved

std::unique_ptr<Decoder> MakeSnappyDecoder(std::string name, arrow::MemoryPool* pool,
                                           DecodeFrom from, int64_t offset);

}  // namespace millrace::io
