#include "millrace/functions/scalar/time_format_internal.h"

#include <cctype>
#include <iterator>

#include <fmt/format.h>

#include "millrace/base/calendar.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/calendar_internal.h"
#include "millrace/functions/scalar/intervals_internal.h"

namespace millrace::functions {

namespace {

constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};
constexpr const char* kWeekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};
constexpr size_t kShortName = 3;

constexpr std::string_view kSpecifiers = "YymdejHIMSfgnpaAbBuwUWVGzZ";

// Specifiers that stand for others.
std::string_view Composed(char specifier) {
  switch (specifier) {
    case 'F':
    case 'x': return "%Y-%m-%d";
    case 'T':
    case 'X': return "%H:%M:%S";
    case 'c': return "%Y-%m-%d %H:%M:%S";
    case 'R': return "%H:%M";
    case 'D': return "%m/%d/%y";
    case 'h': return "%b";
    default: return {};
  }
}

void AppendNumber(int64_t value, int width, bool padded, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{:0{}}", value, padded ? width : 1);
}

// Weeks that begin with the year's first day `first` of the week; days before are week 0.
int64_t WeekFrom(int64_t micros, int64_t first) {
  const int64_t day_of_year = FieldOf(micros, TimeField::kDoy) - 1;
  const int64_t weekday = (FieldOf(micros, TimeField::kDow) - first + 7) % 7;
  return (day_of_year + 7 - weekday) / 7;
}

// What was read, until it becomes a time.
struct Parts {
  CivilDay date{1900, 1, 1};
  int64_t day_of_year = 0;
  int64_t hour = 0, minute = 0, second = 0, micros = 0;
  int64_t offset_minutes = 0;
  bool half_day = false, afternoon = false;
};

class TextReader {
 public:
  explicit TextReader(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  void SkipBlanks() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0]))) {
      rest_.remove_prefix(1);
    }
  }
  bool Number(int min_digits, int max_digits, int64_t* out) {
    int digits = 0;
    for (*out = 0;
         digits < max_digits && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9';
         ++digits) {
      *out = *out * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    digits_ = digits;
    return digits >= min_digits;
  }
  int digits() const { return digits_; }
  bool Literal(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  bool Word(std::string_view word) {
    if (rest_.size() < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      if (std::tolower(static_cast<unsigned char>(rest_[i])) !=
          std::tolower(static_cast<unsigned char>(word[i]))) {
        return false;
      }
    }
    rest_.remove_prefix(word.size());
    return true;
  }
  // The whole name or its first letters; the number of the name, or -1.
  template <size_t kCount>
  int Name(const char* const (&names)[kCount]) {
    for (size_t i = 0; i < kCount; ++i) {
      if (Word(names[i])) return static_cast<int>(i);
    }
    for (size_t i = 0; i < kCount; ++i) {
      if (Word(std::string_view(names[i]).substr(0, kShortName))) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }

 private:
  std::string_view rest_;
  int digits_ = 0;
};

// A fraction of a second: digits that are left out are zeros behind it.
bool ReadFraction(TextReader& in, int max_digits, Parts* parts) {
  int64_t value;
  if (!in.Number(1, max_digits, &value)) return false;
  int digits = in.digits();
  for (; digits < 6; ++digits) value *= 10;
  for (; digits > 6; --digits) value /= 10;
  parts->micros = value;
  return true;
}

bool ReadOffset(TextReader& in, Parts* parts) {
  if (in.Word("Z") || in.Word("UTC")) return true;
  const bool minus = in.Literal("-");
  if (!minus && !in.Literal("+")) return false;
  int64_t hours, minutes = 0;
  if (!in.Number(2, 2, &hours)) return false;
  if (in.Literal(":")) {
    if (!in.Number(2, 2, &minutes)) return false;
  } else if (in.Number(1, 2, &minutes) && in.digits() != 2) {
    return false;
  }
  if (hours > 15 || minutes > 59) return false;
  parts->offset_minutes = (hours * 60 + minutes) * (minus ? -1 : 1);
  return true;
}

bool ReadPart(TextReader& in, char specifier, Parts* parts) {
  int64_t value = 0;
  switch (specifier) {
    case 'Y': {
      const bool minus = in.Literal("-");
      if (!in.Number(1, minus ? 9 : 4, &value)) return false;
      parts->date.year = minus ? -value : value;
      return true;
    }
    case 'y':
      if (!in.Number(1, 2, &value)) return false;
      parts->date.year = value + (value < 69 ? 2000 : 1900);
      return true;
    case 'm':
      if (!in.Number(1, 2, &value)) return false;
      parts->date.month = static_cast<int>(value);
      return true;
    case 'e': in.SkipBlanks(); [[fallthrough]];
    case 'd':
      if (!in.Number(1, 2, &value)) return false;
      parts->date.day = static_cast<int>(value);
      return true;
    case 'j': return in.Number(1, 3, &parts->day_of_year) && parts->day_of_year > 0;
    case 'H': return in.Number(1, 2, &parts->hour);
    case 'I':
      parts->half_day = true;
      return in.Number(1, 2, &parts->hour) && parts->hour >= 1 && parts->hour <= 12;
    case 'M': return in.Number(1, 2, &parts->minute);
    case 'S': return in.Number(1, 2, &parts->second);
    case 'f': return ReadFraction(in, 9, parts);
    case 'n': return ReadFraction(in, 9, parts);
    case 'g': return ReadFraction(in, 3, parts);
    case 'p': parts->afternoon = in.Word("PM"); return parts->afternoon || in.Word("AM");
    case 'b':
    case 'B': {
      const int month = in.Name(kMonths);
      parts->date.month = month + 1;
      return month >= 0;
    }
    // A weekday says nothing that the date does not.
    case 'a':
    case 'A': return in.Name(kWeekdays) >= 0;
    case 'u':
    case 'w': return in.Number(1, 1, &value);
    case 'z': return ReadOffset(in, parts);
    case 'Z': return in.Word("UTC") || in.Word("Z");
    default: return false;
  }
}

bool ToMicros(const Parts& parts, int64_t* micros) {
  const CivilDay& date = parts.date;
  if (date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > DaysInMonth(date.year, date.month)) {
    return false;
  }
  int64_t hour = parts.hour;
  if (parts.half_day) hour = hour % 12 + (parts.afternoon ? 12 : 0);
  if (hour > 23 || parts.minute > 59 || parts.second > 59) return false;
  int64_t days = DaysOf(date);
  if (parts.day_of_year > 0) {
    const int leap = DaysInMonth(date.year, 2) - 28;
    if (parts.day_of_year > 365 + leap) return false;
    days = DaysOf({date.year, 1, 1}) + parts.day_of_year - 1;
  }
  const int64_t seconds =
      hour * 3600 + (parts.minute - parts.offset_minutes) * 60 + parts.second;
  return !__builtin_mul_overflow(days, kMicrosPerDay, micros) &&
         !__builtin_add_overflow(*micros, seconds * kMicrosPerSecond + parts.micros,
                                 micros);
}

}  // namespace

Result<TimeFormat> TimeFormat::Make(std::string_view pattern) {
  TimeFormat out;
  out.pattern_ = std::string(pattern);
  ARROW_RETURN_NOT_OK(out.Add(pattern));
  return out;
}

Status TimeFormat::Add(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '%') {
      if (pieces_.empty() || pieces_.back().specifier != 0) pieces_.emplace_back();
      pieces_.back().text += pattern[at];
      continue;
    }
    const size_t begin = at++;
    const bool padded = at >= pattern.size() || pattern[at] != '-';
    if (!padded) ++at;
    const char specifier = at < pattern.size() ? pattern[at] : '\0';
    if (specifier == '%' && padded) {
      pieces_.push_back({0, true, "%"});
    } else if (const std::string_view parts = Composed(specifier);
               padded && !parts.empty()) {
      ARROW_RETURN_NOT_OK(Add(parts));
    } else if (specifier != '\0' && kSpecifiers.find(specifier) != std::string::npos) {
      pieces_.push_back({specifier, padded, {}});
    } else {
      return errors::kBadPattern.Make({}, "time format '{}': {} is no specifier",
                                      pattern_, pattern.substr(begin, at - begin + 1));
    }
  }
  return Status::OK();
}

void TimeFormat::Format(int64_t micros, std::string* out) const {
  const int64_t days = FloorDivide(micros, kMicrosPerDay);
  const CivilDay date = CivilOf(days);
  const int64_t of_day = micros - days * kMicrosPerDay;
  const int64_t seconds = of_day / kMicrosPerSecond;
  const int64_t fraction = of_day % kMicrosPerSecond;
  const int64_t hour = seconds / 3600;
  const auto weekday = static_cast<size_t>(FieldOf(micros, TimeField::kDow));
  for (const Piece& piece : pieces_) {
    const auto number = [&](int64_t value, int width) {
      AppendNumber(value, width, piece.padded, out);
    };
    switch (piece.specifier) {
      case 0: *out += piece.text; break;
      case 'Y':
        if (date.year < 0) *out += '-';
        AppendNumber(date.year < 0 ? -date.year : date.year, 4, piece.padded, out);
        break;
      case 'y': number((date.year % 100 + 100) % 100, 2); break;
      case 'm': number(date.month, 2); break;
      case 'd': number(date.day, 2); break;
      case 'e':
        fmt::format_to(std::back_inserter(*out), "{:{}}", date.day, piece.padded ? 2 : 1);
        break;
      case 'j': number(FieldOf(micros, TimeField::kDoy), 3); break;
      case 'H': number(hour, 2); break;
      case 'I': number(hour % 12 == 0 ? 12 : hour % 12, 2); break;
      case 'M': number(seconds / 60 % 60, 2); break;
      case 'S': number(seconds % 60, 2); break;
      case 'f': number(fraction, 6); break;
      case 'g': number(fraction / 1000, 3); break;
      case 'n': number(fraction * 1000, 9); break;
      case 'p': *out += hour < 12 ? "AM" : "PM"; break;
      case 'a': out->append(kWeekdays[weekday], kShortName); break;
      case 'A': *out += kWeekdays[weekday]; break;
      case 'b': out->append(kMonths[date.month - 1], kShortName); break;
      case 'B': *out += kMonths[date.month - 1]; break;
      case 'u': number(FieldOf(micros, TimeField::kIsoDow), 1); break;
      case 'w': number(static_cast<int64_t>(weekday), 1); break;
      case 'U': number(WeekFrom(micros, 0), 2); break;
      case 'W': number(WeekFrom(micros, 1), 2); break;
      case 'V': number(FieldOf(micros, TimeField::kWeek), 2); break;
      case 'G': number(FieldOf(micros, TimeField::kIsoYear), 4); break;
      case 'z': *out += "+00"; break;
      case 'Z': *out += "UTC"; break;
      default: break;
    }
  }
}

bool TimeFormat::Parse(std::string_view text, int64_t* micros) const {
  TextReader in(text);
  Parts parts;
  for (const Piece& piece : pieces_) {
    if (piece.specifier != 0) {
      if (!ReadPart(in, piece.specifier, &parts)) return false;
      continue;
    }
    for (char c : piece.text) {
      // A blank stands for any number of them.
      if (std::isspace(static_cast<unsigned char>(c))) {
        in.SkipBlanks();
      } else if (!in.Literal({&c, 1})) {
        return false;
      }
    }
  }
  in.SkipBlanks();
  return in.rest().empty() && ToMicros(parts, micros);
}

}  // namespace millrace::functions
