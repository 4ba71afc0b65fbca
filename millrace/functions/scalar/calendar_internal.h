// Fields and units of dates and times, by microseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/base/result.h"

namespace millrace::functions {

enum class TimeField {
  kYear,
  kQuarter,
  kMonth,
  kWeek,
  kIsoYear,
  kDay,
  kDow,
  kIsoDow,
  kDoy,
  kHour,
  kMinute,
  kSecond,
  kMillisecond,
  kMicrosecond,
  kEpoch,
  kTimezone,
  kDecade,
  kCentury,
  kMillennium
};

/// The field named `name` (singular, plural and short forms, any case), or
/// errors::kOutOfDomain with the names there are.
Result<TimeField> FieldNamed(std::string_view name);

/// Field of a wall-clock time; whole numbers. kEpoch: whole seconds.
int64_t FieldOf(int64_t micros, TimeField field);

/// Start of the unit that `micros` lies in. Only for fields that are units.
int64_t TruncateTo(int64_t micros, TimeField unit);

/// Is the field a unit of time that a clock can be cut to and counted in?
bool IsUnit(TimeField field);

/// Number of unit boundaries between two times.
int64_t BoundariesBetween(int64_t from, int64_t to, TimeField unit);

/// `micros` plus `count` units; false outside the calendar.
bool AddUnits(int64_t micros, int64_t count, TimeField unit, int64_t* out);

}  // namespace millrace::functions
