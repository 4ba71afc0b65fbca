// Avro's variable-length integers.
#pragma once

#include <cstdint>
#include <string>

#include "millrace/formats/varint.h"

namespace millrace::formats::avro {

inline const uint8_t* ReadVarint(const uint8_t* p, uint64_t* out) {
  return formats::ReadVarint</*exact=*/true>(p, out);
}

inline const uint8_t* ReadLong(const uint8_t* p, int64_t* out) {
  uint64_t value = 0;
  p = ReadVarint(p, &value);
  *out = UnZigZag(value);
  return p;
}

/// Writes `value` at `out`, which has room for kMaxVarintBytes. Returns what follows.
inline uint8_t* WriteLong(int64_t value, uint8_t* out) {
  return WriteVarint(ZigZag(value), out);
}

inline void AppendLong(int64_t value, std::string* out) {
  uint8_t bytes[kMaxVarintBytes];
  out->append(reinterpret_cast<char*>(bytes),
              static_cast<size_t>(WriteLong(value, bytes) - bytes));
}

}  // namespace millrace::formats::avro
