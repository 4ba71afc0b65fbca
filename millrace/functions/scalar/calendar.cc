#include "millrace/functions/scalar/calendar_internal.h"

#include <chrono>
#include <string>

#include "millrace/expr/errors.h"
#include "millrace/expr/time_text.h"
#include "millrace/functions/scalar/intervals_internal.h"

namespace millrace::functions {

using expr::FloorDivide;

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

struct FieldName {
  std::string_view name;
  TimeField field;
};

constexpr FieldName kFieldNames[] = {{"year", TimeField::kYear},
                                     {"years", TimeField::kYear},
                                     {"y", TimeField::kYear},
                                     {"yr", TimeField::kYear},
                                     {"quarter", TimeField::kQuarter},
                                     {"quarters", TimeField::kQuarter},
                                     {"month", TimeField::kMonth},
                                     {"months", TimeField::kMonth},
                                     {"mon", TimeField::kMonth},
                                     {"week", TimeField::kWeek},
                                     {"weeks", TimeField::kWeek},
                                     {"w", TimeField::kWeek},
                                     {"isoyear", TimeField::kIsoYear},
                                     {"day", TimeField::kDay},
                                     {"days", TimeField::kDay},
                                     {"d", TimeField::kDay},
                                     {"dow", TimeField::kDow},
                                     {"dayofweek", TimeField::kDow},
                                     {"weekday", TimeField::kDow},
                                     {"isodow", TimeField::kIsoDow},
                                     {"doy", TimeField::kDoy},
                                     {"dayofyear", TimeField::kDoy},
                                     {"hour", TimeField::kHour},
                                     {"hours", TimeField::kHour},
                                     {"h", TimeField::kHour},
                                     {"minute", TimeField::kMinute},
                                     {"minutes", TimeField::kMinute},
                                     {"min", TimeField::kMinute},
                                     {"m", TimeField::kMinute},
                                     {"second", TimeField::kSecond},
                                     {"seconds", TimeField::kSecond},
                                     {"sec", TimeField::kSecond},
                                     {"s", TimeField::kSecond},
                                     {"millisecond", TimeField::kMillisecond},
                                     {"milliseconds", TimeField::kMillisecond},
                                     {"ms", TimeField::kMillisecond},
                                     {"microsecond", TimeField::kMicrosecond},
                                     {"microseconds", TimeField::kMicrosecond},
                                     {"us", TimeField::kMicrosecond},
                                     {"epoch", TimeField::kEpoch},
                                     {"decade", TimeField::kDecade},
                                     {"century", TimeField::kCentury},
                                     {"millennium", TimeField::kMillennium}};

int64_t DayOf(int64_t micros) { return FloorDivide(micros, kMicrosPerDay); }

year_month_day DateOf(int64_t day) { return year_month_day{sys_days(days(day))}; }

int64_t DaysOf(const year_month_day& date) {
  return sys_days(date).time_since_epoch().count();
}

year_month_day FirstOf(int64_t year, unsigned month) {
  return {std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
          std::chrono::day(1)};
}

// 0 is Sunday; 1970-01-01 was a Thursday.
int64_t DayOfWeek(int64_t day) { return day + 4 - FloorDivide(day + 4, 7) * 7; }

int64_t IsoDayOfWeek(int64_t day) {
  const int64_t weekday = DayOfWeek(day);
  return weekday == 0 ? 7 : weekday;
}

// An ISO week belongs to the year of its Thursday.
int64_t ThursdayOf(int64_t day) { return day - IsoDayOfWeek(day) + 4; }

int64_t MicrosOfUnit(TimeField unit) {
  switch (unit) {
    case TimeField::kMicrosecond: return 1;
    case TimeField::kMillisecond: return 1'000;
    case TimeField::kSecond: return kMicrosPerSecond;
    case TimeField::kMinute: return 60 * kMicrosPerSecond;
    case TimeField::kHour: return 3600 * kMicrosPerSecond;
    case TimeField::kDay: return kMicrosPerDay;
    case TimeField::kWeek: return 7 * kMicrosPerDay;
    default: return 0;
  }
}

int64_t MonthsOfUnit(TimeField unit) {
  switch (unit) {
    case TimeField::kMonth: return 1;
    case TimeField::kQuarter: return 3;
    case TimeField::kYear: return 12;
    case TimeField::kDecade: return 120;
    case TimeField::kCentury: return 1'200;
    case TimeField::kMillennium: return 12'000;
    default: return 0;
  }
}

// Months since year 0, so that units of months are a floor division. A century begins
// with its year 1.
int64_t UnitIndex(int64_t micros, TimeField unit) {
  if (const int64_t size = MicrosOfUnit(unit); size > 0) {
    // Weeks begin on Monday: 1970-01-05 was one.
    const int64_t shift = unit == TimeField::kWeek ? 4 * kMicrosPerDay : 0;
    return FloorDivide(micros - shift, size);
  }
  const year_month_day date = DateOf(DayOf(micros));
  int64_t month = static_cast<int>(date.year()) * int64_t{12} +
                  static_cast<unsigned>(date.month()) - 1;
  if (unit == TimeField::kCentury || unit == TimeField::kMillennium) month -= 12;
  return FloorDivide(month, MonthsOfUnit(unit));
}

}  // namespace

Result<TimeField> FieldNamed(std::string_view name) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const FieldName& known : kFieldNames) {
    if (known.name == lower) return known.field;
  }
  return errors::kOutOfDomain.Make(
      {},
      "'{}' is no field of a time; there are year, quarter, month, week, isoyear, day, "
      "dow, isodow, doy, hour, minute, second, millisecond, microsecond, epoch",
      name);
}

bool IsUnit(TimeField field) {
  return MicrosOfUnit(field) > 0 || MonthsOfUnit(field) > 0;
}

int64_t FieldOf(int64_t micros, TimeField field) {
  const int64_t day = DayOf(micros);
  const int64_t in_day = micros - day * kMicrosPerDay;
  const int64_t in_minute = in_day % (60 * kMicrosPerSecond);
  switch (field) {
    case TimeField::kHour: return in_day / (3600 * kMicrosPerSecond);
    case TimeField::kMinute: return in_day / (60 * kMicrosPerSecond) % 60;
    case TimeField::kSecond: return in_minute / kMicrosPerSecond;
    // Seconds count in, as in PostgreSQL and DuckDB.
    case TimeField::kMillisecond: return in_minute / 1'000;
    case TimeField::kMicrosecond: return in_minute;
    case TimeField::kEpoch: return FloorDivide(micros, kMicrosPerSecond);
    case TimeField::kDow: return DayOfWeek(day);
    case TimeField::kIsoDow: return IsoDayOfWeek(day);
    default: break;
  }
  const year_month_day date = DateOf(day);
  const int64_t year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  switch (field) {
    case TimeField::kYear: return year;
    case TimeField::kQuarter: return (month - 1) / 3 + 1;
    case TimeField::kMonth: return month;
    case TimeField::kDay: return static_cast<unsigned>(date.day());
    case TimeField::kDoy: return day - DaysOf(FirstOf(year, 1)) + 1;
    case TimeField::kDecade: return FloorDivide(year, 10);
    case TimeField::kCentury: return FloorDivide(year - 1, 100) + 1;
    case TimeField::kMillennium: return FloorDivide(year - 1, 1000) + 1;
    case TimeField::kIsoYear: return static_cast<int>(DateOf(ThursdayOf(day)).year());
    case TimeField::kWeek: {
      const int64_t thursday = ThursdayOf(day);
      const int64_t iso_year = static_cast<int>(DateOf(thursday).year());
      return (thursday - DaysOf(FirstOf(iso_year, 1))) / 7 + 1;
    }
    default: return 0;
  }
}

int64_t TruncateTo(int64_t micros, TimeField unit) {
  const int64_t index = UnitIndex(micros, unit);
  if (const int64_t size = MicrosOfUnit(unit); size > 0) {
    return index * size + (unit == TimeField::kWeek ? 4 * kMicrosPerDay : 0);
  }
  int64_t month = index * MonthsOfUnit(unit);
  if (unit == TimeField::kCentury || unit == TimeField::kMillennium) month += 12;
  const int64_t year = FloorDivide(month, 12);
  return DaysOf(FirstOf(year, static_cast<unsigned>(month - year * 12 + 1))) *
         kMicrosPerDay;
}

int64_t BoundariesBetween(int64_t from, int64_t to, TimeField unit) {
  return UnitIndex(to, unit) - UnitIndex(from, unit);
}

bool AddUnits(int64_t micros, int64_t count, TimeField unit, int64_t* out) {
  if (const int64_t size = MicrosOfUnit(unit); size > 0) {
    int64_t shift;
    return !__builtin_mul_overflow(count, size, &shift) &&
           !__builtin_add_overflow(micros, shift, out);
  }
  int64_t months, moved;
  const int64_t day = DayOf(micros);
  if (__builtin_mul_overflow(count, MonthsOfUnit(unit), &months) || months > 1'000'000 ||
      months < -1'000'000 || !AddMonths(day, months, &moved)) {
    return false;
  }
  return !__builtin_mul_overflow(moved - day, kMicrosPerDay, &moved) &&
         !__builtin_add_overflow(micros, moved, out);
}

}  // namespace millrace::functions
