#include "millrace/io/compression/s2_block.h"

#include <cstring>

namespace millrace::io {

namespace {

// Little-endian of `count` bytes.
uint32_t Number(const uint8_t* at, size_t count) {
  uint32_t out = 0;
  for (size_t i = 0; i < count; ++i) out |= uint32_t{at[i]} << (8 * i);
  return out;
}

// Plain bytes may overlap: what was copied is copied again.
void CopyWithin(uint8_t* out, size_t distance, size_t length) {
  const uint8_t* from = out - distance;
  if (distance >= length) {
    memcpy(out, from, length);
    return;
  }
  for (size_t i = 0; i < length; ++i) out[i] = from[i];
}

}  // namespace

int64_t BlockPlainSize(std::span<const uint8_t> block, size_t* used) {
  uint64_t size = 0;
  for (size_t i = 0; i < block.size() && i < 5; ++i) {
    size |= uint64_t{block[i] & 0x7Fu} << (7 * i);
    if (block[i] < 0x80) {
      *used = i + 1;
      return size <= 0xFFFFFFFFu ? static_cast<int64_t>(size) : -1;
    }
  }
  return -1;
}

bool DecodeS2Block(std::span<const uint8_t> block, std::span<uint8_t> out) {
  size_t used = 0;
  if (BlockPlainSize(block, &used) != static_cast<int64_t>(out.size())) return false;
  const uint8_t* s = block.data() + used;
  const uint8_t* const end = block.data() + block.size();
  size_t d = 0;
  size_t distance = 0;  // 0: no copy yet, so none can be repeated
  auto left = [&] { return static_cast<size_t>(end - s); };
  while (s < end) {
    const uint8_t tag = *s++;
    size_t length = tag >> 2;
    if ((tag & 3) == 0) {
      if (length >= 60) {
        const size_t bytes = length - 59;
        if (left() < bytes) return false;
        length = Number(s, bytes);
        s += bytes;
      }
      ++length;
      if (length > left() || length > out.size() - d) return false;
      memcpy(out.data() + d, s, length);
      s += length;
      d += length;
      continue;
    }
    if ((tag & 3) == 1) {
      if (left() < 1) return false;
      const size_t near = (size_t{tag} & 0xE0) << 3 | *s++;
      length &= 7;
      if (near != 0) {
        distance = near;
      } else if (length >= 5) {
        // A repeat whose length stands in the bytes behind it.
        constexpr size_t kBase[] = {4, 1 << 8, 1 << 16};
        const size_t bytes = length - 4;
        if (left() < bytes) return false;
        length = Number(s, bytes) + kBase[bytes - 1];
        s += bytes;
      }
      length += 4;
    } else {
      const size_t bytes = (tag & 3) == 2 ? 2 : 4;
      if (left() < bytes) return false;
      distance = Number(s, bytes);
      s += bytes;
      ++length;
    }
    if (distance == 0 || distance > d || length > out.size() - d) return false;
    CopyWithin(out.data() + d, distance, length);
    d += length;
  }
  return d == out.size();
}

}  // namespace millrace::io
