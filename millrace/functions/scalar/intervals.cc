#include "millrace/functions/scalar/intervals_internal.h"

#include <algorithm>
#include <chrono>

#include "millrace/expr/time_text.h"

namespace millrace::functions {

using expr::FloorDivide;

namespace {
// ±32,767 years, the range of std::chrono::year.
constexpr int64_t kMaxDays = 11'900'000;
}  // namespace

bool AddMonths(int64_t days, int64_t months, int64_t* out) {
  using std::chrono::sys_days;
  if (days > kMaxDays || days < -kMaxDays) return false;
  const std::chrono::year_month_day date{sys_days(std::chrono::days(days))};
  const int64_t month = static_cast<int>(date.year()) * int64_t{12} +
                        static_cast<unsigned>(date.month()) - 1 + months;
  const int64_t year = FloorDivide(month, 12);
  if (year > 32'000 || year < -32'000) return false;
  const std::chrono::year_month first{
      std::chrono::year(static_cast<int>(year)),
      std::chrono::month(static_cast<unsigned>(month - year * 12 + 1))};
  const std::chrono::year_month_day last{sys_days(first / std::chrono::last)};
  const auto moved = first / std::min(date.day(), last.day());
  *out = sys_days(moved).time_since_epoch().count();
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

bool MultiplyInterval(const MonthDayNanos& interval, int64_t factor, MonthDayNanos* out) {
  return !__builtin_mul_overflow(interval.months, factor, &out->months) &&
         !__builtin_mul_overflow(interval.days, factor, &out->days) &&
         !__builtin_mul_overflow(interval.nanoseconds, factor, &out->nanoseconds);
}

}  // namespace millrace::functions
