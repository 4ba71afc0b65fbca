// CRC32C, the checksum of snappy's framing format.
#pragma once

#include <cstdint>
#include <span>

namespace millrace::io {

uint32_t Crc32c(std::span<const uint8_t> bytes);

/// As the framing format stores it, so that sums of sums stay strong.
inline uint32_t MaskedCrc32c(std::span<const uint8_t> bytes) {
  const uint32_t sum = Crc32c(bytes);
  return ((sum >> 15) | (sum << 17)) + 0xA282EAD8u;
}

}  // namespace millrace::io
