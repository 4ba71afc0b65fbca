// Avro's variable-length integers.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::formats::avro {

/// Bytes that may be looked at behind every buffer that is decoded, whatever is in them:
/// a number is read before its end is compared with the buffer's.
inline constexpr int64_t kPadding = 32;

/// Of one number.
inline constexpr int64_t kMaxLongBytes = 10;

/// The unsigned number at `p`, of at most ten bytes. Returns what follows, null when the
/// number is longer.
inline const uint8_t* ReadVarint(const uint8_t* p, uint64_t* out) {
  uint64_t byte = *p++;
  if (byte < 0x80) [[likely]] {
    *out = byte;
    return p;
  }
  uint64_t value = byte & 0x7F;
  for (int shift = 7; shift < 70; shift += 7) {
    byte = *p++;
    value |= (byte & 0x7F) << (shift & 63);
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) return nullptr;
      *out = value;
      return p;
    }
  }
  return nullptr;
}

inline int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline const uint8_t* ReadLong(const uint8_t* p, int64_t* out) {
  uint64_t value = 0;
  p = ReadVarint(p, &value);
  *out = Unzigzag(value);
  return p;
}

/// Writes `value` at `out`, which has room for ten bytes. Returns what follows.
inline uint8_t* WriteLong(int64_t value, uint8_t* out) {
  uint64_t rest = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  while (rest >= 0x80) {
    *out++ = static_cast<uint8_t>(rest | 0x80);
    rest >>= 7;
  }
  *out++ = static_cast<uint8_t>(rest);
  return out;
}

inline void AppendLong(int64_t value, std::string* out) {
  uint8_t bytes[10];
  out->append(reinterpret_cast<char*>(bytes),
              static_cast<size_t>(WriteLong(value, bytes) - bytes));
}

}  // namespace millrace::formats::avro
