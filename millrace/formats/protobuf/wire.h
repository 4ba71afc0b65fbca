// Protobuf's variable-length integers and tags.
#pragma once

#include <cstdint>
#include <cstring>

namespace millrace::formats::protobuf_format {

/// Bytes that may be looked at behind every buffer that is decoded, whatever is in them:
/// a number is read before its end is compared with the buffer's.
inline constexpr int64_t kPadding = 32;

/// Of one number.
inline constexpr int64_t kMaxVarintBytes = 10;

enum class Wire : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

/// The number at `p`, of at most ten bytes. Returns what follows, null when the number is
/// longer.
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

inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

}  // namespace millrace::formats::protobuf_format
