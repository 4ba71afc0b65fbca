// Calendar arithmetic on microseconds.
#pragma once

#include <cstdint>

#include "millrace/functions/scalar/rows_internal.h"

namespace millrace::functions {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

/// `days` since 1970-01-01 moved by `months`; a day past the end of its month becomes
/// the last one. False outside the calendar.
bool AddMonths(int64_t days, int64_t months, int64_t* out);

/// `value` (1/`per_second` seconds) plus months, then days, then nanoseconds; false when
/// the sum leaves int64 or the calendar.
bool AddInterval(int64_t value, int64_t per_second, const MonthDayNanos& interval,
                 int64_t* out);

/// Nanoseconds, where a month has 30 days and a day 24 hours: what intervals compare by.
expr::Int128 LengthOf(const MonthDayNanos& interval);

/// The interval times `factor`; false on overflow.
bool MultiplyInterval(const MonthDayNanos& interval, int64_t factor, MonthDayNanos* out);

}  // namespace millrace::functions
