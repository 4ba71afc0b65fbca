// Text forms of dates and times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::expr {

/// A point in time read from text.
struct ParsedTime {
  int64_t seconds = 0;  ///< since 1970-01-01 00:00:00, of UTC when `has_zone`
  int32_t nanos = 0;    ///< 0 … 999,999,999
  bool has_zone = false;
  bool has_time = false;  ///< more than a date was given
};

/// Read `YYYY-MM-DD[( |T)HH:MM[:SS[.fffffffff]][Z|UTC|±HH[[:]MM]]]`, blanks around it
/// allowed. False where `text` is anything else, or no such day exists.
bool ParseTime(std::string_view text, ParsedTime* out);

/// `seconds` scaled to 1/`per_second` with `nanos` added, or false when it leaves int64.
bool ScaleTime(const ParsedTime& time, int64_t per_second, int64_t* out);

/// Append `YYYY-MM-DD HH:MM:SS[.f…]`; a fraction without its trailing zeros.
void AppendTime(int64_t value, int64_t per_second, std::string* out);

/// Quotient rounded towards minus infinity; `divisor` > 0.
inline int64_t FloorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

}  // namespace millrace::expr
