// Arithmetic on unscaled DECIMAL values of up to 38 digits.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace millrace::expr {

using Int128 = __int128;

/// 10^digits, 0 <= digits <= 38.
constexpr Int128 PowerOfTen(int digits) {
  Int128 power = 1;
  for (int i = 0; i < digits; ++i) power *= 10;
  return power;
}

/// Does `value` have at most `precision` digits?
constexpr bool FitsDigits(Int128 value, int precision) {
  const Int128 limit = PowerOfTen(precision);
  return value < limit && value > -limit;
}

/// Half away from zero.
constexpr Int128 DivideRounded(Int128 value, Int128 divisor) {
  const Int128 quotient = value / divisor;
  const Int128 rest = value % divisor;
  const Int128 magnitude = rest < 0 ? -rest : rest;
  if (magnitude < divisor - magnitude) return quotient;
  return value < 0 ? quotient - 1 : quotient + 1;
}

/// `value` of scale `from` at scale `to`, rounded half away from zero; false when it
/// leaves 128 bits.
constexpr bool Rescale(Int128 value, int from, int to, Int128* out) {
  if (to >= from) {
    if (to - from > 38) return value == 0 ? (*out = 0, true) : false;
    return !__builtin_mul_overflow(value, PowerOfTen(to - from), out);
  }
  if (from - to > 38) return *out = 0, true;
  *out = DivideRounded(value, PowerOfTen(from - to));
  return true;
}

/// The value of a decimal128 at `bytes` (16 bytes, little endian as Arrow keeps them).
inline Int128 LoadInt128(const uint8_t* bytes) {
  Int128 value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace millrace::expr
