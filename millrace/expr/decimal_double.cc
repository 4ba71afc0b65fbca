#include "millrace/expr/decimal_double.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace millrace::expr {

namespace {

// Sign, 39 digits, "e-" and a scale.
constexpr int kMaxText = 64;

char* Format(Int128 unscaled, int scale, char* text) {
  char digits[kMaxText];
  int count = 0;
  using Unsigned = unsigned __int128;
  auto magnitude = unscaled < 0 ? Unsigned{0} - static_cast<Unsigned>(unscaled)
                                : static_cast<Unsigned>(unscaled);
  do {
    digits[count++] = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  } while (magnitude != 0);
  if (unscaled < 0) *text++ = '-';
  while (count > 0) *text++ = digits[--count];
  *text++ = 'e';
  return std::to_chars(text, text + 16, -scale).ptr;
}

template <typename Float>
Float Parse(Int128 unscaled, int scale) {
  char text[kMaxText];
  const char* end = Format(unscaled, scale, text);
  Float out = 0;
  const auto parsed = std::from_chars(text, end, out);
  if (parsed.ec == std::errc::result_out_of_range) {
    const Float infinite = std::numeric_limits<Float>::infinity();
    return scale > 0 ? Float{0} : unscaled < 0 ? -infinite : infinite;
  }
  return out;
}

}  // namespace

double DecimalToDouble(Int128 unscaled, int scale) {
  constexpr Int128 kExact = Int128{1} << std::numeric_limits<double>::digits;
  // Powers of ten that a double holds exactly.
  static constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (unscaled < kExact && unscaled > -kExact && scale >= 0 && scale <= 22) {
    // Both sides are exact, so the one division rounds correctly.
    return static_cast<double>(static_cast<int64_t>(unscaled)) / kTens[scale];
  }
  return Parse<double>(unscaled, scale);
}

float DecimalToFloat(Int128 unscaled, int scale) { return Parse<float>(unscaled, scale); }

bool DoubleToDecimal(double number, int scale, Int128* out) {
  if (!std::isfinite(number)) return false;
  int exponent;
  const double fraction = std::frexp(std::fabs(number), &exponent);
  // |number| = mantissa · 2^exponent
  const auto mantissa = static_cast<uint64_t>(std::ldexp(fraction, 53));
  exponent -= 53;
  using Unsigned = unsigned __int128;
  const auto power = static_cast<Unsigned>(PowerOfTen(scale));
  Unsigned magnitude = 0;
  if (mantissa == 0) return *out = 0, true;
  if (exponent >= 0) {
    if (exponent > 74) return false;
    if (__builtin_mul_overflow(Unsigned{mantissa} << exponent, power, &magnitude)) {
      return false;
    }
  } else {
    // The product has at most 180 bits: `high` · 2^64 + `low`.
    const Unsigned lower = Unsigned{mantissa} * static_cast<uint64_t>(power);
    const Unsigned high =
        Unsigned{mantissa} * static_cast<uint64_t>(power >> 64) + (lower >> 64);
    const auto low = static_cast<uint64_t>(lower);
    const int shift = -exponent;
    bool half;
    if (shift > 190) return *out = 0, true;
    if (shift >= 64) {
      const int rest = shift - 64;
      magnitude = rest > 127 ? 0 : high >> rest;
      half =
          rest == 0 ? (low >> 63) != 0 : rest <= 128 && ((high >> (rest - 1)) & 1) != 0;
    } else {
      if ((high >> 63) >> shift != 0) return false;
      magnitude = (high << (64 - shift)) | (low >> shift);
      half = ((low >> (shift - 1)) & 1) != 0;
    }
    magnitude += half ? 1 : 0;
  }
  if (magnitude >> 127 != 0) return false;
  *out = number < 0 ? -static_cast<Int128>(magnitude) : static_cast<Int128>(magnitude);
  return true;
}

}  // namespace millrace::expr
