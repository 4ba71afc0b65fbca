#include "millrace/functions/scalar/intervals_internal.h"

#include <algorithm>

#include "millrace/base/calendar.h"

namespace millrace::functions {

bool AddMonths(int64_t days, int64_t months, int64_t* out) {
  // Times of int64 seconds reach further than anything that can be told apart here.
  constexpr int64_t kMaxDays = int64_t{1} << 50;
  if (days > kMaxDays || days < -kMaxDays || months > kMaxDays || months < -kMaxDays) {
    return false;
  }
  CivilDay date = CivilOf(days);
  const int64_t month = date.year * 12 + date.month - 1 + months;
  date.year = FloorDivide(month, 12);
  date.month = static_cast<int>(month - date.year * 12) + 1;
  date.day = std::min(date.day, DaysInMonth(date.year, date.month));
  *out = DaysOf(date);
  return true;
}

bool AddInterval(int64_t value, int64_t per_second, const MonthDayNanos& interval,
                 int64_t* out) {
  const int64_t per_day = per_second * 86'400;
  if (interval.months != 0) {
    const int64_t days = FloorDivide(value, per_day);
    int64_t moved;
    if (!AddMonths(days, interval.months, &moved)) return false;
    if (__builtin_mul_overflow(moved - days, per_day, &moved) ||
        __builtin_add_overflow(value, moved, &value)) {
      return false;
    }
  }
  int64_t shift;
  if (__builtin_mul_overflow(int64_t{interval.days}, per_day, &shift) ||
      __builtin_add_overflow(value, shift, &value)) {
    return false;
  }
  const int64_t fraction = interval.nanoseconds / (1'000'000'000 / per_second);
  return !__builtin_add_overflow(value, fraction, out);
}

expr::Int128 LengthOf(const MonthDayNanos& interval) {
  constexpr int64_t kNanosPerDay = 86'400'000'000'000;
  const int64_t days = int64_t{interval.months} * 30 + interval.days;
  return expr::Int128{days} * kNanosPerDay + interval.nanoseconds;
}

bool MultiplyInterval(const MonthDayNanos& interval, int64_t factor, MonthDayNanos* out) {
  return !__builtin_mul_overflow(interval.months, factor, &out->months) &&
         !__builtin_mul_overflow(interval.days, factor, &out->days) &&
         !__builtin_mul_overflow(interval.nanoseconds, factor, &out->nanoseconds);
}

}  // namespace millrace::functions
