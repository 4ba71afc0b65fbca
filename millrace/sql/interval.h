// Interval: a span of time as SQL writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::sql {

/// Months and days are kept apart from the rest because their length depends on the
/// calendar.
struct Interval {
  int64_t months = 0;
  int64_t days = 0;
  int64_t nanos = 0;

  bool operator==(const Interval&) const = default;
};

/// "5 minutes", "1 day 02:03:04", "1h30m", "-5m". Absent when it can't be read or does
/// not fit.
std::optional<Interval> ParseInterval(std::string_view text);

/// '5' with unit MINUTE, '1:30' with MINUTE TO SECOND: `unit` and `to` in any case, `to`
/// may be empty.
std::optional<Interval> ParseInterval(std::string_view text, std::string_view unit,
                                      std::string_view to);

/// Numbers each followed by a unit (ns us ms s m h d w) without spaces: 5m, 1h30m.
bool IsDuration(std::string_view text);

/// A unit name of intervals in any case, singular or plural.
bool IsIntervalUnit(std::string_view word);

/// INTERVAL '5' MINUTE; several units as INTERVAL '1 month 2 day'. ParseInterval reads
/// the quoted part back.
std::string IntervalToSql(const Interval& interval);

}  // namespace millrace::sql
