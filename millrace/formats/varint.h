// Integers of variable length, as Avro and Protobuf write them.
#pragma once

#include <cstdint>

namespace millrace::formats {

/// Bytes that may be looked at behind every buffer that is decoded, whatever is in them:
/// a number is read before its end is compared with the buffer's.
inline constexpr int64_t kPadding = 32;

/// Of one number.
inline constexpr int64_t kMaxVarintBytes = 10;

/// The unsigned number at `p`, of at most ten bytes. Returns what follows, null when the
/// number is longer, or, if `exact`, has more than 64 bits; otherwise these are dropped.
template <bool exact>
inline const uint8_t* ReadVarint(const uint8_t* p, uint64_t* out) {
  uint64_t byte = *p++;
  if (byte < 0x80) [[likely]] {
    *out = byte;
    return p;
  }
  uint64_t value = byte & 0x7F;
  for (int shift = 7; shift < 70; shift += 7) {
    byte = *p++;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      if (exact && shift == 63 && byte > 1) return nullptr;
      *out = value;
      return p;
    }
  }
  return nullptr;
}

/// Writes `value` at `out`, which has room for ten bytes. Returns what follows.
inline uint8_t* WriteVarint(uint64_t value, uint8_t* out) {
  while (value >= 0x80) {
    *out++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<uint8_t>(value);
  return out;
}

/// Small numbers of either sign as small unsigned ones.
inline uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

}  // namespace millrace::formats
