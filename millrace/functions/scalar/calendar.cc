#include "millrace/functions/scalar/calendar_internal.h"

#include <string>

#include "millrace/base/calendar.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/intervals_internal.h"

namespace millrace::functions {

namespace {

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
                                     {"timezone", TimeField::kTimezone},
                                     {"timezone_hour", TimeField::kTimezone},
                                     {"timezone_minute", TimeField::kTimezone},
                                     {"decade", TimeField::kDecade},
                                     {"century", TimeField::kCentury},
                                     {"millennium", TimeField::kMillennium}};

int64_t DayOf(int64_t micros) { return FloorDivide(micros, kMicrosPerDay); }

int64_t FirstDayOf(int64_t year) { return DaysOf({year, 1, 1}); }

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
  const CivilDay date = CivilOf(DayOf(micros));
  int64_t month = date.year * 12 + date.month - 1;
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
      "dow, isodow, doy, hour, minute, second, millisecond, microsecond, epoch, "
      "timezone",
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
    // A zoned time is an instant, and its fields are those of UTC.
    case TimeField::kTimezone: return 0;
    case TimeField::kEpoch: return FloorDivide(micros, kMicrosPerSecond);
    case TimeField::kDow: return DayOfWeek(day);
    case TimeField::kIsoDow: return IsoDayOfWeek(day);
    default: break;
  }
  const CivilDay date = CivilOf(day);
  const int64_t year = date.year;
  switch (field) {
    case TimeField::kYear: return year;
    case TimeField::kQuarter: return (date.month - 1) / 3 + 1;
    case TimeField::kMonth: return date.month;
    case TimeField::kDay: return date.day;
    case TimeField::kDoy: return day - FirstDayOf(year) + 1;
    case TimeField::kDecade: return FloorDivide(year, 10);
    case TimeField::kCentury: return FloorDivide(year - 1, 100) + 1;
    case TimeField::kMillennium: return FloorDivide(year - 1, 1000) + 1;
    case TimeField::kIsoYear: return CivilOf(ThursdayOf(day)).year;
    case TimeField::kWeek: {
      const int64_t thursday = ThursdayOf(day);
      const int64_t iso_year = CivilOf(thursday).year;
      return (thursday - FirstDayOf(iso_year)) / 7 + 1;
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
  return DaysOf({year, static_cast<int>(month - year * 12) + 1, 1}) * kMicrosPerDay;
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
  if (__builtin_mul_overflow(count, MonthsOfUnit(unit), &months) ||
      !AddMonths(day, months, &moved)) {
    return false;
  }
  return !__builtin_mul_overflow(moved - day, kMicrosPerDay, &moved) &&
         !__builtin_add_overflow(micros, moved, out);
}

}  // namespace millrace::functions
