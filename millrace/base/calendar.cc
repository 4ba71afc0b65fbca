#include "millrace/base/calendar.h"

#include <cstdlib>
#include <iterator>

#include <fmt/format.h>

namespace millrace {

namespace {

// Eras of 400 years have the same length. Counted from March, a leap day ends its year.
constexpr int64_t kDaysOfEra = 146'097;
constexpr int64_t kDaysBefore1970 = 719'468;  // since 0000-03-01

void AppendPart(int64_t count, const char* unit, std::string* out) {
  if (count == 0) return;
  if (!out->empty() && out->back() != ' ') *out += ' ';
  fmt::format_to(std::back_inserter(*out), "{} {}{}", count, unit,
                 std::abs(count) == 1 ? "" : "s");
}

}  // namespace

CivilDay CivilOf(int64_t days) {
  const int64_t shifted = days + kDaysBefore1970;
  const int64_t era = FloorDivide(shifted, kDaysOfEra);
  const int64_t of_era = shifted - era * kDaysOfEra;
  const int64_t year_of_era =
      (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const int64_t of_year =
      of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t from_march = (5 * of_year + 2) / 153;
  CivilDay out;
  out.month = static_cast<int>(from_march < 10 ? from_march + 3 : from_march - 9);
  out.day = static_cast<int>(of_year - (153 * from_march + 2) / 5 + 1);
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
  return out;
}

int64_t DaysOf(const CivilDay& day) {
  const int64_t year = day.year - (day.month <= 2 ? 1 : 0);
  const int64_t era = FloorDivide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t from_march = day.month > 2 ? day.month - 3 : day.month + 9;
  const int64_t of_year = (153 * from_march + 2) / 5 + day.day - 1;
  const int64_t of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
  return era * kDaysOfEra + of_era - kDaysBefore1970;
}

int DaysInMonth(int64_t year, int month) {
  if (month == 2) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

void AppendDay(int64_t days, std::string* out) {
  const CivilDay day = CivilOf(days);
  if (day.year < 0) *out += '-';
  fmt::format_to(std::back_inserter(*out), "{:04}-{:02}-{:02}", std::abs(day.year),
                 day.month, day.day);
}

void AppendClock(int64_t value, int64_t per_second, std::string* out) {
  const int64_t seconds = value / per_second;
  const int64_t fraction = value % per_second;
  fmt::format_to(std::back_inserter(*out), "{:02}:{:02}:{:02}", seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
  if (fraction == 0) return;
  int digits = 0;
  for (int64_t unit = per_second; unit > 1; unit /= 10) ++digits;
  fmt::format_to(std::back_inserter(*out), ".{:0{}}", fraction, digits);
  while (out->back() == '0') out->pop_back();
}

void AppendTimestamp(int64_t value, int64_t per_second, std::string* out) {
  const int64_t seconds = FloorDivide(value, per_second);
  const int64_t days = FloorDivide(seconds, 86'400);
  AppendDay(days, out);
  *out += ' ';
  AppendClock((seconds - days * 86'400) * per_second + (value - seconds * per_second),
              per_second, out);
}

void AppendInterval(int32_t months, int32_t days, int64_t nanos, std::string* out) {
  std::string text;
  AppendPart(months / 12, "year", &text);
  AppendPart(months % 12, "month", &text);
  AppendPart(days, "day", &text);
  if (nanos != 0 || text.empty()) {
    if (!text.empty()) text += ' ';
    if (nanos < 0) text += '-';
    // The least value has no opposite: its last digit is told apart.
    constexpr int64_t kPerSecond = 1'000'000'000;
    const auto magnitude =
        nanos < 0 ? 0 - static_cast<uint64_t>(nanos) : static_cast<uint64_t>(nanos);
    if (magnitude > static_cast<uint64_t>(INT64_MAX)) {
      text += "2562047:47:16.854775808";
    } else {
      AppendClock(static_cast<int64_t>(magnitude), kPerSecond, &text);
    }
  }
  *out += text;
}

}  // namespace millrace
