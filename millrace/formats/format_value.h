// Values → text. Each writes at `d` and answers the end; at most 40 bytes are written,
// and up to 48 may be touched.
#pragma once

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "millrace/base/calendar.h"

namespace millrace::formats {

/// "00" … "99": two digits cost one load and one store.
inline constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (int i = 0; i < 100; ++i) {
    pairs[static_cast<size_t>(2 * i)] = static_cast<char>('0' + i / 10);
    pairs[static_cast<size_t>(2 * i + 1)] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

inline constexpr auto kTens = [] {
  std::array<uint64_t, 20> tens{};
  uint64_t value = 1;
  for (uint64_t& ten : tens) {
    ten = value;
    value *= 10;
  }
  return tens;
}();

inline void PutPair(char* d, uint32_t value) { memcpy(d, kPairs.data() + 2 * value, 2); }

[[gnu::always_inline]] inline int DigitsOf(uint64_t value) {
  // 1233 / 4096 is log10(2), good enough to be off by at most one.
  const int guess = (std::bit_width(value | 1) * 1233) >> 12;
  return guess + (value >= kTens[static_cast<size_t>(guess)]) + (value == 0);
}

[[gnu::always_inline]] inline char* FormatUnsigned(char* d, uint64_t value) {
  char* const end = d + DigitsOf(value);
  char* p = end;
  while (value >= 100) {
    p -= 2;
    PutPair(p, static_cast<uint32_t>(value % 100));
    value /= 100;
  }
  if (value >= 10) {
    PutPair(p - 2, static_cast<uint32_t>(value));
  } else {
    p[-1] = static_cast<char>('0' + value);
  }
  return end;
}

[[gnu::always_inline]] inline char* FormatSigned(char* d, int64_t value) {
  uint64_t magnitude = static_cast<uint64_t>(value);
  if (value < 0) {
    *d++ = '-';
    magnitude = 0 - magnitude;
  }
  return FormatUnsigned(d, magnitude);
}

/// `value` as exactly `digits` digits, zeros in front.
inline char* FormatPadded(char* d, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    d[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return d + digits;
}

/// Shortest text that reads back as the same value; whole numbers keep ".0", so that they
/// read back as reals. Remembers how many decimals the column's values have.
class RealFormatter {
 public:
  char* Format(char* d, double value) {
    const double magnitude = std::fabs(value);
    // Two decimals are money, and worth divisions by a constant.
    if (decimals_ == 2) [[likely]] {
      uint64_t scaled;
      if (Exact(magnitude, 100.0, &scaled)) [[likely]] {
        *d = '-';
        d = FormatUnsigned(d + std::signbit(value), scaled / 100);
        *d = '.';
        PutPair(d + 1, static_cast<uint32_t>(scaled % 100));
        return d + 2 + (d[2] != '0');
      }
    }
    return FormatOther(d, value);
  }

  static char* Slow(char* d, double value) {
    if (std::isnan(value)) return NotANumber(d);
    return WithPoint(d, std::to_chars(d, d + 40, value).ptr, std::isfinite(value));
  }

  // Without its sign, which has no meaning.
  static char* NotANumber(char* d) {
    memcpy(d, "nan", 3);
    return d + 3;
  }

  static char* WithPoint(char* d, char* end, bool finite) {
    for (char* p = d; p < end && finite; ++p) {
      if (*p == '.' || *p == 'e') return end;
    }
    if (!finite) return end;
    memcpy(end, ".0", 2);
    return end + 2;
  }

 private:
  static constexpr int kMaxDecimals = 9;

  // Is the value an integer of at most 15 digits over a power of ten, both exact in a
  // double? Then that quotient, correctly rounded, is what a reader gets.
  static bool Exact(double magnitude, double tens, uint64_t* scaled) {
    const double real = magnitude * tens;
    if (!(real < 1e15)) return false;
    const int64_t whole = static_cast<int64_t>(real + 0.5);
    *scaled = static_cast<uint64_t>(whole);
    return static_cast<double>(whole) / tens == magnitude;
  }
  static bool Exact(double magnitude, int decimals, uint64_t* scaled) {
    return Exact(magnitude, static_cast<double>(kTens[static_cast<size_t>(decimals)]),
                 scaled);
  }

  char* FormatOther(char* d, double value) {
    const double magnitude = std::fabs(value);
    uint64_t scaled;
    if (!Exact(magnitude, decimals_, &scaled) && !Search(magnitude, &scaled)) {
      return Slow(d, value);
    }
    if (std::signbit(value)) *d++ = '-';
    const uint64_t tens = kTens[static_cast<size_t>(decimals_)];
    d = FormatUnsigned(d, scaled / tens);
    const uint64_t fraction = scaled % tens;
    *d = '.';
    if (fraction == 0) {
      d[1] = '0';
      return d + 2;
    }
    char* end = FormatPadded(d + 1, fraction, decimals_);
    while (end[-1] == '0') --end;
    return end;
  }

  bool Search(double magnitude, uint64_t* scaled) {
    // A column of arbitrary doubles is not searched for ever.
    if (misses_ > 64) return false;
    for (int decimals = 0; decimals <= kMaxDecimals; ++decimals) {
      if (!Exact(magnitude, decimals, scaled)) continue;
      decimals_ = decimals;
      return true;
    }
    ++misses_;
    return false;
  }

  int decimals_ = 2;
  int misses_ = 0;
};

/// Shortest text of a float.
inline char* FormatFloat(char* d, float value) {
  if (std::isnan(value)) return RealFormatter::NotANumber(d);
  return RealFormatter::WithPoint(d, std::to_chars(d, d + 40, value).ptr,
                                  std::isfinite(value));
}

/// Dates and times of day. Remembers some hundred days: rows that follow each other share
/// the day or come from a few months.
class DateFormatter {
 public:
  /// YYYY-MM-DD; null for years outside 0000 … 9999.
  char* FormatDay(char* d, int64_t day) {
    // Only columns of dates pay for it.
    if (rendered_.empty()) [[unlikely]]
      rendered_.resize(kDays);
    Rendered& entry = rendered_[static_cast<uint64_t>(day) % kDays];
    if (day != entry.day) [[unlikely]] {
      if (!Render(day, &entry)) return nullptr;
    }
    memcpy(d, entry.text, sizeof entry.text);
    return d + 10;
  }

  /// `units` since 1970 of which a second has `per_second` (a power of ten).
  char* FormatTimestamp(char* d, int64_t units, int64_t per_second, int fraction_digits,
                        char separator) {
    // Most timestamps count microseconds, and a division by a constant is a product.
    int64_t second = per_second == 1'000'000 ? units / 1'000'000 : units / per_second;
    int64_t fraction = units - second * per_second;
    if (fraction < 0) {
      fraction += per_second;
      --second;
    }
    int64_t day = second / 86400;
    int64_t of_day = second % 86400;
    if (of_day < 0) {
      of_day += 86400;
      --day;
    }
    d = FormatDay(d, day);
    if (d == nullptr) [[unlikely]]
      return nullptr;
    *d++ = separator;
    return FormatTime(d, static_cast<uint32_t>(of_day), static_cast<uint64_t>(fraction),
                      fraction_digits);
  }

  static char* FormatTime(char* d, uint32_t second, uint64_t fraction,
                          int fraction_digits) {
    const uint32_t hour = second / 3600, rest = second - hour * 3600;
    const uint32_t minute = rest / 60;
    PutPair(d, hour);
    d[2] = ':';
    PutPair(d + 3, minute);
    d[5] = ':';
    PutPair(d + 6, rest - minute * 60);
    d += 8;
    if (fraction != 0) [[unlikely]] {
      *d = '.';
      d = FormatPadded(d + 1, fraction, fraction_digits);
      while (d[-1] == '0') --d;
    }
    return d;
  }

 private:
  static constexpr uint64_t kDays = 512;
  struct Rendered {
    int64_t day = std::numeric_limits<int64_t>::min();
    char text[16];  // 10 are used; all are copied at once
  };

  static bool Render(int64_t day, Rendered* entry) {
    const CivilDay date = CivilOf(day);
    if (date.year < 0 || date.year > 9999) return false;
    const auto year = static_cast<uint32_t>(date.year);
    char* text = entry->text;
    PutPair(text, year / 100);
    PutPair(text + 2, year % 100);
    text[4] = '-';
    PutPair(text + 5, static_cast<uint32_t>(date.month));
    text[7] = '-';
    PutPair(text + 8, static_cast<uint32_t>(date.day));
    entry->day = day;
    return true;
  }

  std::vector<Rendered> rendered_;
};

}  // namespace millrace::formats
