// The proleptic Gregorian calendar over all of int64, and the text of days, times and
// spans.
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

/// A day by its parts. Years are astronomical: 0 is 1 BC.
struct CivilDay {
  int64_t year = 1970;
  int month = 1;  ///< 1 … 12
  int day = 1;    ///< 1 … 31
};

/// Quotient rounded towards minus infinity; `divisor` > 0.
constexpr int64_t FloorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

/// The day that lies `days` after 1970-01-01. Unlike std::chrono's years these do not end
/// at 32767. |days| < 2^62.
CivilDay CivilOf(int64_t days);

/// Days from 1970-01-01; |year| < 10^12. The day need not exist in its month.
int64_t DaysOf(const CivilDay& day);

/// 28 … 31.
int DaysInMonth(int64_t year, int month);

/// `YYYY-MM-DD`. Years outside 0000 … 9999 have more digits, or a minus sign.
void AppendDay(int64_t days, std::string* out);

/// `HH:MM:SS[.f…]` of 1/`per_second` seconds ≥ 0 (a power of ten); a fraction goes
/// without its trailing zeros. Hours may pass 24.
void AppendClock(int64_t value, int64_t per_second, std::string* out);

/// AppendDay, a blank and AppendClock, of 1/`per_second` seconds since 1970.
void AppendTimestamp(int64_t value, int64_t per_second, std::string* out);

/// `1 year 2 months 3 days -04:05:06.7`, parts that are 0 left out; `00:00:00` where all
/// are.
void AppendInterval(int32_t months, int32_t days, int64_t nanos, std::string* out);

}  // namespace millrace
