// Parsers of single values. Text is [b, e), not empty; 16 bytes before `e` and 32 after
// `b` may be read. Each answers false when the text is not exactly such a value.
//
// The fast paths treat eight characters as one 64-bit word; whatever they can't do
// exactly goes to a slower function, so results never depend on the path.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::formats {

static_assert(std::endian::native == std::endian::little,
              "words of digits are read as little-endian");

[[gnu::always_inline]] inline uint64_t LoadWord(const char* p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

inline constexpr uint64_t kZeros = 0x3030303030303030;

/// Do all bytes of `word` lie in 0 … 9?
[[gnu::always_inline]] inline bool AllDigits(uint64_t word) {
  return (((word + 0x7676767676767676) | word) & 0x8080808080808080) == 0;
}

/// The number whose eight decimal digits are the bytes of `word`, most significant in the
/// lowest byte: pairs, then fours, then eight.
[[gnu::always_inline]] inline uint64_t Combine(uint64_t word) {
  word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FF;
  word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFF;
  return (word * 10000 + (word >> 32)) & 0xFFFFFFFF;
}

/// Keeps the last `count` (0 … 8) bytes of a word in memory order.
[[gnu::always_inline]] inline uint64_t KeepLast(size_t count) {
  // In two halves, because a shift by 64 has no meaning.
  const size_t shift = 4 * (8 - count);
  return ~uint64_t{0} << shift << shift;
}

bool ParseInt64Slow(const char* b, const char* e, int64_t* out);
bool ParseUInt64(const char* b, const char* e, uint64_t* out);
bool ParseDoubleSlow(const char* b, const char* e, double* out);
bool ParseFloat(const char* b, const char* e, float* out);

[[gnu::always_inline]] inline bool ParseInt64(const char* b, const char* e,
                                              int64_t* out) {
  const int64_t negative = -static_cast<int64_t>(*b == '-');
  const size_t size = static_cast<size_t>(e - b + negative);
  if (size - 1 < 8) [[likely]] {
    const uint64_t word = (LoadWord(e - 8) ^ kZeros) & KeepLast(size);
    if (!AllDigits(word)) [[unlikely]]
      return ParseInt64Slow(b, e, out);
    *out = (static_cast<int64_t>(Combine(word)) ^ negative) - negative;
    return true;
  }
  if (size - 9 < 8) {
    const uint64_t high = (LoadWord(e - 16) ^ kZeros) & KeepLast(size - 8);
    const uint64_t low = LoadWord(e - 8) ^ kZeros;
    if (!AllDigits(high) || !AllDigits(low)) [[unlikely]]
      return ParseInt64Slow(b, e, out);
    const uint64_t value = Combine(high) * 100000000 + Combine(low);
    *out = (static_cast<int64_t>(value) ^ negative) - negative;
    return true;
  }
  return ParseInt64Slow(b, e, out);
}

inline constexpr double kPowersOfTen[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// A dot among eight characters that were XORed with zeros, taken out: what stands before
/// it moves up into its place. Answers the number of characters after it, -1 without one.
[[gnu::always_inline]] inline int RemoveDot(uint64_t* word, uint64_t before) {
  // '.' is 0x1E after the XOR; exactly those bytes become 0x80.
  const uint64_t dots = *word ^ 0x1E1E1E1E1E1E1E1E;
  const uint64_t dot =
      ~(((dots & 0x7F7F7F7F7F7F7F7F) + 0x7F7F7F7F7F7F7F7F) | dots | 0x7F7F7F7F7F7F7F7F);
  if (dot == 0) return -1;
  const int bit = std::countr_zero(dot) & ~7;
  const uint64_t below = (uint64_t{1} << bit) - 1;
  *word = (*word & ~(below | (uint64_t{0xFF} << bit))) | ((*word & below) << 8) | before;
  return 7 - bit / 8;
}

/// Digits, at most one dot among them and a minus before them; false for every other form
/// and for many digits. Correctly rounded: an integer below 2^53 is divided by a power of
/// ten, both exact, so the one rounding of the division is the right one.
[[gnu::always_inline]] inline bool ParsePlainDouble(const char* b, const char* e,
                                                    double* out) {
  const bool negative = *b == '-';
  const size_t size = static_cast<size_t>(e - b) - negative;
  if (size - 1 >= 16) [[unlikely]]
    return false;
  // Two words whatever the size: values around eight characters would make a branch on
  // it a coin toss.
  uint64_t low = (LoadWord(e - 8) ^ kZeros) & KeepLast(size < 8 ? size : 8);
  uint64_t high = (LoadWord(e - 16) ^ kZeros) & KeepLast(size < 8 ? 0 : size - 8);
  int fraction = RemoveDot(&low, high >> 56);
  if (fraction >= 0) [[likely]] {
    high <<= 8;
  } else {
    fraction = RemoveDot(&high, 0);
    fraction = fraction >= 0 ? fraction + 8 : 0;
  }
  if (!(AllDigits(low) && AllDigits(high)) || (size == 1 && e[-1] == '.')) [[unlikely]] {
    return false;
  }
  const uint64_t value = Combine(high) * 100000000 + Combine(low);
  if (value >> 53 != 0) [[unlikely]]
    return false;
  const double real =
      static_cast<double>(static_cast<int64_t>(value)) / kPowersOfTen[fraction];
  *out = negative ? -real : real;
  return true;
}

/// Correctly rounded, in any form that from_chars reads.
[[gnu::always_inline]] inline bool ParseDouble(const char* b, const char* e,
                                               double* out) {
  return ParsePlainDouble(b, e, out) || ParseDoubleSlow(b, e, out);
}

/// A moment or a time of day. For zoned text the offset has been subtracted already.
struct Moment {
  int64_t seconds = 0;  ///< since 1970-01-01
  int32_t nanos = 0;
  bool zoned = false;
};

/// The moment in units of which a second has `per_second`; digits finer than the unit are
/// cut off. False when it does not fit.
inline bool ScaleMoment(const Moment& moment, int64_t per_second, int64_t* out) {
  int64_t whole;
  return !__builtin_mul_overflow(moment.seconds, per_second, &whole) &&
         !__builtin_add_overflow(whole, moment.nanos / (1000000000 / per_second), out);
}

/// HH:MM[:SS[.f{1,9}]].
bool ParseTime(const char* b, const char* e, Moment* out);
/// ISO 8601: a date, or a date and time parted by ' ' or 'T', and optionally Z or ±hh,
/// ±hhmm, ±hh:mm.
bool ParseMoment(const char* b, const char* e, Moment* out);
/// By a format with the directives named in the option's doc.
bool ParseMomentAs(std::string_view format, const char* b, const char* e, Moment* out);

/// Which characters of a word must be digits, and which ones these others.
struct DigitPattern {
  uint64_t expected;  ///< '0' for a digit
  uint64_t fixed;     ///< all ones where a character must be as expected
};

/// Takes the pattern off the word, so that digits are their values and other characters
/// 0. Answers 0 when the word is such a text.
[[gnu::always_inline]] inline uint64_t TakePattern(const DigitPattern& pattern,
                                                   uint64_t* word) {
  *word ^= pattern.expected;
  return (((*word + 0x7676767676767676) | *word) & 0x8080808080808080) |
         (*word & pattern.fixed);
}

/// Days before a month, of a year that begins in March; the days of the month.
struct MonthTable {
  int32_t before;
  uint32_t days;
};
inline constexpr MonthTable kMonths[16] = {
    {0, 0},    {306, 31}, {337, 28}, {0, 31},   {31, 30},  {61, 31}, {92, 30}, {122, 31},
    {153, 31}, {184, 30}, {214, 31}, {245, 30}, {275, 31}, {0, 0},   {0, 0},   {0, 0}};

/// YYYY-MM-DD at `b` → days since 1970-01-01. Answers 0 when it is one. Without branches
/// and without a memory of the last date: dates that jump cost no more.
[[gnu::always_inline]] inline uint64_t TakeDate(const char* b, int64_t* days) {
  constexpr DigitPattern kPattern{0x2D30302D30303030, 0xFF0000FF00000000};  // 0000-00-
  uint64_t word = LoadWord(b);
  uint64_t wrong = TakePattern(kPattern, &word);
  uint16_t tail;
  memcpy(&tail, b + 8, 2);
  tail ^= 0x3030;
  wrong |= ((tail + 0x7676u) | tail) & 0x8080u;
  const uint64_t pairs = word * 10 + (word >> 8);
  const uint32_t year = (pairs & 0xFF) * 100 + (pairs >> 16 & 0xFF);
  const uint32_t month = (pairs >> 40) & 0xFF;
  const uint32_t day = (tail & 0xFFu) * 10 + (tail >> 8);
  const MonthTable& table = kMonths[month & 15];
  const uint32_t leap =
      static_cast<uint32_t>(month == 2) & ((year & (year % 25 == 0 ? 15u : 3u)) == 0);
  wrong |= (month > 15) | (day - 1 >= table.days + leap);
  // 400 years on, so that March of the year before 0 is not negative.
  const uint32_t y = year + 400 - (month <= 2);
  *days = int64_t{y} * 365 + y / 4 - y / 100 + y / 400 + table.before + day - 865566;
  return wrong;
}

/// YYYY-MM-DD → days since 1970-01-01.
[[gnu::always_inline]] inline bool ParseDate(const char* b, const char* e, int32_t* out) {
  if (e - b != 10) return false;
  int64_t days;
  const uint64_t wrong = TakeDate(b, &days);
  *out = static_cast<int32_t>(days);
  return wrong == 0;
}

/// YYYY-MM-DD[ T]HH:MM:SS[.f{1,6}] → microseconds, with a 'Z' behind it when `zoned`;
/// false also for every other form.
[[gnu::always_inline]] inline bool ParsePlainTimestamp(const char* b, const char* e,
                                                       bool zoned, int64_t* out) {
  constexpr DigitPattern kPattern{0x30303A30303A3030, 0x0000FF0000FF0000};  // 00:00:00
  if (zoned && e[-1] == 'Z') --e;
  if (e - b < 19) return false;
  int64_t days;
  uint64_t wrong = TakeDate(b, &days);
  wrong |= (b[10] != ' ') & (b[10] != 'T');
  uint64_t word = LoadWord(b + 11);
  wrong |= TakePattern(kPattern, &word);
  const uint64_t pairs = word * 10 + (word >> 8);
  const uint32_t hour = pairs & 0xFF, minute = (pairs >> 24) & 0xFF,
                 second = (pairs >> 48) & 0xFF;
  wrong |= (hour > 23) | (minute > 59) | (second > 59);
  *out = ((days * 24 + hour) * 3600 + minute * 60 + second) * 1000000;
  if (e - b > 19) {
    constexpr int32_t kScale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    const size_t digits = static_cast<size_t>(e - b) - 20;
    if (digits - 1 > 5 || b[19] != '.') return false;
    const uint64_t fraction = (LoadWord(e - 8) ^ kZeros) & KeepLast(digits);
    if (!AllDigits(fraction)) return false;
    *out += static_cast<int64_t>(Combine(fraction)) * kScale[digits];
  }
  return wrong == 0;
}

/// true, false, t, f, 1, 0; case-insensitive.
bool ParseBool(const char* b, const char* e, bool* out);

/// Unscaled value of a decimal at `scale` with at most `precision` digits; false when
/// digits other than trailing zeros would be lost. `out` is 16 bytes, as in Arrow.
bool ParseDecimal128(const char* b, const char* e, int32_t precision, int32_t scale,
                     uint8_t* out);
/// The same with 32 bytes.
bool ParseDecimal256(const char* b, const char* e, int32_t precision, int32_t scale,
                     uint8_t* out);

}  // namespace millrace::formats
