// Blocks of S2: those of snappy, and copies that repeat the last distance.
#pragma once

#include <cstdint>
#include <span>

namespace millrace::io {

/// The size that a block of snappy or S2 tells of its plain bytes, at its beginning;
/// -1 when it tells none. `used`: the bytes that tell it.
int64_t BlockPlainSize(std::span<const uint8_t> block, size_t* used);

/// Unpack `block` into `out`, which has the size that the block tells. False when the
/// block is damaged; what `out` holds then is of no meaning.
bool DecodeS2Block(std::span<const uint8_t> block, std::span<uint8_t> out);

}  // namespace millrace::io
