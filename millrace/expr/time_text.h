// Text forms of dates and times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/calendar.h"

namespace millrace::expr {

/// A point in time read from text.
struct ParsedTime {
  int64_t seconds = 0;  ///< since 1970-01-01 00:00:00, of UTC when `has_zone`
  int32_t nanos = 0;    ///< 0 … 999,999,999
  bool has_zone = false;
  bool has_time = false;  ///< more than a date was given
};

/// Read `YYYY-MM-DD[( |T)HH:MM[:SS[.fffffffff]][Z|UTC|±HH[[:]MM]]]`, blanks around it
/// allowed; years have 4 to 12 digits and may be negative. False where `text` is anything
/// else, or no such day exists.
bool ParseTime(std::string_view text, ParsedTime* out);

/// `seconds` scaled to 1/`per_second` with `nanos` added, or false when it leaves int64.
bool ScaleTime(const ParsedTime& time, int64_t per_second, int64_t* out);

/// Read `HH:MM[:SS[.fffffffff]]`, blanks around it allowed, as nanoseconds of a day.
bool ParseClock(std::string_view text, int64_t* nanos);

using millrace::FloorDivide;

}  // namespace millrace::expr
