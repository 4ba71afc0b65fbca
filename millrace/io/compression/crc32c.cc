#include "millrace/io/compression/crc32c.h"

#include <array>
#include <cstring>

namespace millrace::io {

namespace {

constexpr uint32_t kPolynomial = 0x82F63B78u;  // Castagnoli's, bits reversed

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// kTables[k][b]: the sum of byte b with k zero bytes behind it.
constexpr Tables MakeTables() {
  Tables out{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t sum = b;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? kPolynomial : 0);
    out[0][b] = sum;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      out[k][b] = out[k - 1][b] >> 8 ^ out[0][out[k - 1][b] & 0xFF];
    }
  }
  return out;
}

constexpr Tables kTables = MakeTables();

}  // namespace

uint32_t Crc32c(std::span<const uint8_t> bytes) {
  uint32_t sum = ~0u;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    word ^= sum;
    sum = 0;
    for (size_t k = 0; k < 8; ++k) sum ^= kTables[7 - k][word >> (8 * k) & 0xFF];
  }
  for (; left > 0; --left, ++at) sum = sum >> 8 ^ kTables[0][(sum ^ *at) & 0xFF];
  return ~sum;
}

}  // namespace millrace::io
