// Protobuf's tags and numbers.
#pragma once

#include <cstdint>

#include "millrace/formats/varint.h"

namespace millrace::formats::protobuf_format {

enum class Wire : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

/// Bits that are too many are dropped, as other readers do.
inline const uint8_t* ReadVarint(const uint8_t* p, uint64_t* out) {
  return formats::ReadVarint</*exact=*/false>(p, out);
}

}  // namespace millrace::formats::protobuf_format
