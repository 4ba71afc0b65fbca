#include "millrace/formats/text_values.h"

#include <charconv>
#include <cstdlib>

#include <arrow/util/decimal.h>

#include "millrace/base/calendar.h"

namespace millrace::formats {

namespace {

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

// A plus is allowed before a number, which from_chars does not know.
const char* AfterPlus(const char* b, const char* e) {
  return b < e && *b == '+' && b + 1 < e && b[1] != '-' ? b + 1 : b;
}

template <class T>
bool ParseWhole(const char* b, const char* e, T* out) {
  b = AfterPlus(b, e);
  auto [end, error] = std::from_chars(b, e, *out);
  return error == std::errc() && end == e;
}

template <class T>
bool ParseReal(const char* b, const char* e, T* out) {
  b = AfterPlus(b, e);
  auto [end, error] = std::from_chars(b, e, *out);
  // "nan(text)" is C, not data.
  return error == std::errc() && end == e && e[-1] != ')';
}

template <class Decimal>
bool ParseDecimalSlow(const char* b, const char* e, int32_t precision, int32_t scale,
                      uint8_t* out) {
  Decimal decimal;
  int32_t parsed_precision, fraction;
  if (!Decimal::FromString(std::string_view(b, static_cast<size_t>(e - b)), &decimal,
                           &parsed_precision, &fraction)
           .ok()) {
    return false;
  }
  if (std::abs(int64_t{fraction} - scale) > Decimal::kMaxScale) {
    // Rescale has no such power of ten; zero needs none.
    if (decimal != Decimal(0)) return false;
  } else if (fraction != scale) {
    auto rescaled = decimal.Rescale(fraction, scale);
    if (!rescaled.ok()) return false;
    decimal = *rescaled;
  }
  if (!decimal.FitsInPrecision(precision)) return false;
  decimal.ToBytes(out);
  return true;
}

// Exactly `count` digits at `p`.
bool Digits(const char* p, int count, unsigned* out) {
  unsigned value = 0;
  for (int i = 0; i < count; ++i) {
    if (!IsDigit(p[i])) return false;
    value = value * 10 + static_cast<unsigned>(p[i] - '0');
  }
  *out = value;
  return true;
}

// 1 to 9 digits at `*p` as a fraction of a second; moves past them.
bool Fraction(const char** p, const char* e, int32_t* nanos) {
  int32_t value = 0;
  int count = 0;
  while (*p < e && count < 9 && IsDigit(**p)) {
    value = value * 10 + (*(*p)++ - '0');
    ++count;
  }
  if (count == 0) return false;
  for (; count < 9; ++count) value *= 10;
  *nanos = value;
  return true;
}

// HH:MM[:SS[.f]] at `*p`; moves past it.
bool TimeOfDay(const char** p, const char* e, Moment* out) {
  unsigned hour, minute, second = 0;
  const char* c = *p;
  if (e - c < 5 || !Digits(c, 2, &hour) || c[2] != ':' || !Digits(c + 3, 2, &minute)) {
    return false;
  }
  c += 5;
  out->nanos = 0;
  if (e - c >= 3 && *c == ':') {
    if (!Digits(c + 1, 2, &second)) return false;
    c += 3;
    if (c < e && (*c == '.' || *c == ',')) {
      ++c;
      if (!Fraction(&c, e, &out->nanos)) return false;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  out->seconds = hour * 3600 + minute * 60 + second;
  *p = c;
  return true;
}

// Z, ±hh, ±hhmm or ±hh:mm, all of [p, e).
bool Zone(const char* p, const char* e, int64_t* offset) {
  *offset = 0;
  if (e - p == 1) return *p == 'Z' || *p == 'z';
  if (e - p < 3 || (*p != '+' && *p != '-')) return false;
  unsigned hours, minutes = 0;
  if (!Digits(p + 1, 2, &hours)) return false;
  const char* rest = p + 3;
  if (rest < e) {
    if (*rest == ':') ++rest;
    if (e - rest != 2 || !Digits(rest, 2, &minutes)) return false;
  }
  if (hours > 18 || minutes > 59) return false;
  *offset = (hours * 3600 + minutes * 60) * (*p == '-' ? -1 : 1);
  return true;
}

}  // namespace

bool ParseInt64Slow(const char* b, const char* e, int64_t* out) {
  return ParseWhole(b, e, out);
}
bool ParseUInt64(const char* b, const char* e, uint64_t* out) {
  return ParseWhole(b, e, out);
}
bool ParseFloat(const char* b, const char* e, float* out) { return ParseReal(b, e, out); }

bool ParseDoubleSlow(const char* b, const char* e, double* out) {
  return ParseReal(b, e, out);
}

bool ParseTime(const char* b, const char* e, Moment* out) {
  return TimeOfDay(&b, e, out) && b == e;
}

bool ParseMoment(const char* b, const char* e, Moment* out) {
  int32_t days;
  if (e - b < 10 || !ParseDate(b, b + 10, &days)) return false;
  *out = {};
  if (e - b > 10) {
    const char* p = b + 11;
    if ((b[10] != ' ' && b[10] != 'T' && b[10] != 't') || !TimeOfDay(&p, e, out)) {
      return false;
    }
    if (p < e) {
      int64_t offset;
      if (!Zone(p, e, &offset)) return false;
      out->seconds -= offset;
      out->zoned = true;
    }
  }
  out->seconds += int64_t{days} * 86400;
  return true;
}

bool ParseMomentAs(std::string_view format, const char* b, const char* e, Moment* out) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  unsigned year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  unsigned day_of_year = 0;
  int32_t nanos = 0;
  int64_t offset = 0;
  int half = -1;  // 0: am, 1: pm
  *out = {};
  const char* p = b;
  // One to `most` digits.
  auto number = [&](int most, unsigned* value) {
    int count = 0;
    while (count < most && p + count < e && IsDigit(p[count])) ++count;
    if (count == 0) return false;
    Digits(p, count, value);
    p += count;
    return true;
  };
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      if (p == e || *p++ != format[i]) return false;
      continue;
    }
    bool fits = true;
    switch (format[++i]) {
      case 'Y':
        fits = e - p >= 4 && Digits(p, 4, &year);
        p += 4;
        break;
      case 'y':
        fits = e - p >= 2 && Digits(p, 2, &year);
        year += year < 69 ? 2000 : 1900;
        p += 2;
        break;
      case 'm': fits = number(2, &month); break;
      case 'd': fits = number(2, &day); break;
      case 'j': fits = number(3, &day_of_year) && day_of_year >= 1; break;
      case 'H':
      case 'I': fits = number(2, &hour); break;
      case 'M': fits = number(2, &minute); break;
      case 'S': fits = number(2, &second); break;
      case 'f': fits = Fraction(&p, e, &nanos); break;
      case 'b': {
        if (e - p < 3) return false;
        std::string name(p, 3);
        for (char& c : name) c |= 0x20;
        const size_t at = kMonths.find(name);
        fits = at != std::string_view::npos && at % 3 == 0;
        month = static_cast<unsigned>(at / 3 + 1);
        p += 3;
        break;
      }
      case 'p': {
        if (e - p < 2 || (p[1] | 0x20) != 'm') return false;
        const char c = static_cast<char>(p[0] | 0x20);
        fits = c == 'a' || c == 'p';
        half = c == 'p';
        p += 2;
        break;
      }
      case 'z': {
        const char* end = p;
        while (end < e && (IsDigit(*end) || *end == ':' || *end == '+' || *end == '-' ||
                           *end == 'Z')) {
          ++end;
        }
        fits = Zone(p, end, &offset);
        out->zoned = true;
        p = end;
        break;
      }
      case '%': fits = p < e && *p++ == '%'; break;
      default: return false;
    }
    if (!fits) return false;
  }
  if (p != e) return false;
  if (half >= 0) {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + static_cast<unsigned>(half) * 12;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  const CivilDay date{year, static_cast<int>(month), static_cast<int>(day)};
  if (month < 1 || month > 12 || day < 1 ||
      date.day > DaysInMonth(date.year, date.month)) {
    return false;
  }
  int64_t days = DaysOf(date);
  if (day_of_year > 0) {
    days = DaysOf({year, 1, 1}) + day_of_year - 1;
    if (days > DaysOf({year, 12, 31})) return false;
  }
  out->seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
  out->nanos = nanos;
  return true;
}

bool ParseBool(const char* b, const char* e, bool* out) {
  const std::string_view text(b, static_cast<size_t>(e - b));
  auto is = [text](std::string_view word) {
    if (text.size() != word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      const bool letter = word[i] >= 'a';
      if ((letter ? static_cast<char>(text[i] | 0x20) : text[i]) != word[i]) return false;
    }
    return true;
  };
  *out = is("true") || is("t") || is("1");
  return *out || is("false") || is("f") || is("0");
}

bool ParseDecimal128(const char* b, const char* e, int32_t precision, int32_t scale,
                     uint8_t* out) {
  // Up to 18 digits fit a 64-bit integer; anything odd goes to Arrow's parser.
  const bool negative = *b == '-';
  const char* p = b + negative;
  int64_t value = 0;
  int32_t digits = 0, fraction = -1;
  bool plain = e - p <= 19 && p < e;
  for (; plain && p < e; ++p) {
    if (IsDigit(*p)) {
      value = value * 10 + (*p - '0');
      plain = ++digits <= 18;
      fraction += fraction >= 0;
    } else {
      plain = *p == '.' && fraction < 0;
      fraction = 0;
    }
  }
  if (!plain || digits == 0) {
    return ParseDecimalSlow<arrow::Decimal128>(b, e, precision, scale, out);
  }
  arrow::Decimal128 decimal(negative ? -value : value);
  fraction = std::max(fraction, 0);
  if (fraction != scale) {
    auto rescaled = decimal.Rescale(fraction, scale);
    if (!rescaled.ok()) return false;
    decimal = *rescaled;
  }
  if (!decimal.FitsInPrecision(precision)) return false;
  decimal.ToBytes(out);
  return true;
}

bool ParseDecimal256(const char* b, const char* e, int32_t precision, int32_t scale,
                     uint8_t* out) {
  return ParseDecimalSlow<arrow::Decimal256>(b, e, precision, scale, out);
}

}  // namespace millrace::formats
