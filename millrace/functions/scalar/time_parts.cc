// NOW, EXTRACT, DATE_TRUNC, DATE_DIFF, DATE_ADD, MAKE_DATE, MAKE_TIMESTAMP.
#include <cmath>

#include "millrace/expr/errors.h"
#include "millrace/expr/time_text.h"
#include "millrace/functions/scalar/calendar_internal.h"
#include "millrace/functions/scalar/intervals_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

// The field's name is looked up once per distinct text, not per row.
class FieldCache {
 public:
  Result<TimeField> Get(Text name, bool unit) {
    if (known_ && name == name_) return field_;
    ARROW_ASSIGN_OR_RAISE(field_, FieldNamed(name));
    if (unit && !IsUnit(field_)) {
      return errors::kOutOfDomain.Make({}, "'{}' is no unit of time", name);
    }
    name_ = std::string(name);
    known_ = true;
    return field_;
  }

 private:
  bool known_ = false;
  std::string name_;
  TimeField field_ = TimeField::kYear;
};

std::vector<Signature> OverTimes(const TypePtr& first, const TypePtr& result) {
  return {{{first, Timestamp()}, result == nullptr ? Timestamp() : result},
          {{first, TimestampTz()}, result == nullptr ? TimestampTz() : result}};
}

// A result that is a time keeps the zone of its last argument; it is computed in UTC.
Bind KeepingZone(Bind bind) {
  return [bind = std::move(bind)](const Types& types,
                                  const Literals& literals) -> Result<Binding> {
    ARROW_ASSIGN_OR_RAISE(Binding binding, bind(types, literals));
    for (const TypePtr& type : types) {
      if (type->id() != arrow::Type::TIMESTAMP ||
          binding.result->id() != arrow::Type::TIMESTAMP) {
        continue;
      }
      const auto& zone = static_cast<const arrow::TimestampType&>(*type).timezone();
      if (!zone.empty()) binding.result = arrow::timestamp(arrow::TimeUnit::MICRO, zone);
    }
    return binding;
  };
}

// EPOCH, written as a constant, keeps its fraction.
Bind BindDatePart() {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  const auto time = arrow::time64(arrow::TimeUnit::MICRO);
  const auto interval = arrow::month_day_nano_interval();
  auto bind = Overloads("date_part", {{{text, Timestamp()}, integer},
                                      {{text, TimestampTz()}, integer},
                                      {{text, time}, integer},
                                      {{text, interval}, integer}});
  return [bind = std::move(bind)](const Types& types,
                                  const Literals& literals) -> Result<Binding> {
    ARROW_ASSIGN_OR_RAISE(Binding binding, bind(types, literals));
    if (literals[0] != nullptr && literals[0]->is_valid) {
      ARROW_ASSIGN_OR_RAISE(const TimeField field, FieldNamed(literals[0]->ToString()));
      if (field == TimeField::kEpoch) binding.result = arrow::float64();
    }
    return binding;
  };
}

Status NoField(std::string_view name, const char* type) {
  return errors::kOutOfDomain.Make({}, "{} has no field '{}'", type, name);
}

Result<int64_t> FieldOfInterval(const MonthDayNanos& interval, TimeField field,
                                std::string_view name) {
  constexpr int64_t kNanosPerMinute = 60'000'000'000;
  const int64_t years = interval.months / 12;
  const int64_t in_minute = interval.nanoseconds % kNanosPerMinute;
  switch (field) {
    case TimeField::kYear: return years;
    case TimeField::kDecade: return years / 10;
    case TimeField::kCentury: return years / 100;
    case TimeField::kMillennium: return years / 1000;
    case TimeField::kQuarter: return interval.months % 12 / 3 + 1;
    case TimeField::kMonth: return interval.months % 12;
    case TimeField::kDay: return interval.days;
    case TimeField::kHour: return interval.nanoseconds / (60 * kNanosPerMinute);
    case TimeField::kMinute: return interval.nanoseconds / kNanosPerMinute % 60;
    case TimeField::kSecond: return in_minute / 1'000'000'000;
    case TimeField::kMillisecond: return in_minute / 1'000'000;
    case TimeField::kMicrosecond: return in_minute / 1'000;
    case TimeField::kEpoch: {
      const expr::Int128 seconds = LengthOf(interval) / 1'000'000'000;
      return static_cast<int64_t>(seconds);
    }
    default: return NoField(name, "an INTERVAL");
  }
}

bool IsFieldOfDay(TimeField field) {
  switch (field) {
    case TimeField::kHour:
    case TimeField::kMinute:
    case TimeField::kSecond:
    case TimeField::kMillisecond:
    case TimeField::kMicrosecond:
    case TimeField::kEpoch: return true;
    default: return false;
  }
}

Result<arrow::Datum> EpochOf(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  if (arguments[1].type()->id() == arrow::Type::INTERVAL_MONTH_DAY_NANO) {
    return MapRows<double, MonthDayNanos>(
        context, {arguments[1]}, rows, type, [](const MonthDayNanos& by, double* out) {
          *out = static_cast<double>(LengthOf(by)) / 1e9;
        });
  }
  return MapRows<double, int64_t>(
      context, {arguments[1]}, rows, type,
      [](int64_t micros, double* out) { *out = static_cast<double>(micros) / 1e6; });
}

Result<arrow::Datum> DatePart(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  if (type->id() == arrow::Type::DOUBLE) return EpochOf(context, arguments, rows, type);
  FieldCache cache;
  if (arguments[1].type()->id() == arrow::Type::INTERVAL_MONTH_DAY_NANO) {
    return MapRows<int64_t, Text, MonthDayNanos>(
        context, arguments, rows, type,
        [&](Text name, const MonthDayNanos& interval, int64_t* out) -> Status {
          ARROW_ASSIGN_OR_RAISE(const TimeField field, cache.Get(name, false));
          return FieldOfInterval(interval, field, name).Value(out);
        });
  }
  const bool of_day = arguments[1].type()->id() == arrow::Type::TIME64;
  return MapRows<int64_t, Text, int64_t>(
      context, arguments, rows, type,
      [&](Text name, int64_t micros, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeField field, cache.Get(name, false));
        if (of_day && !IsFieldOfDay(field)) return NoField(name, "a TIME");
        *out = FieldOf(micros, field);
        return Status::OK();
      });
}

Result<arrow::Datum> DateTrunc(EvalContext& context, const Arguments& arguments,
                               int64_t rows, const TypePtr& type) {
  FieldCache cache;
  return MapRows<int64_t, Text, int64_t>(
      context, arguments, rows, type,
      [&](Text name, int64_t micros, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeField unit, cache.Get(name, true));
        *out = TruncateTo(micros, unit);
        return Status::OK();
      });
}

Result<arrow::Datum> DateDiff(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  if (arguments.size() == 2) {
    // The MySQL form: days, the later time first.
    return MapRows<int64_t, int64_t, int64_t>(
        context, arguments, rows, type, [](int64_t to, int64_t from, int64_t* out) {
          *out = BoundariesBetween(from, to, TimeField::kDay);
        });
  }
  FieldCache cache;
  return MapRows<int64_t, Text, int64_t, int64_t>(
      context, arguments, rows, type,
      [&](Text name, int64_t from, int64_t to, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeField unit, cache.Get(name, true));
        *out = BoundariesBetween(from, to, unit);
        return Status::OK();
      });
}

// The boundaries between may be one more than the units that fit.
Result<arrow::Datum> WholeUnits(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const TypePtr& type) {
  FieldCache cache;
  return MapRows<int64_t, Text, int64_t, int64_t>(
      context, arguments, rows, type,
      [&](Text name, int64_t from, int64_t to, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeField unit, cache.Get(name, true));
        *out = BoundariesBetween(from, to, unit);
        int64_t reached;
        if (!AddUnits(from, *out, unit, &reached)) {
          return errors::kNumericOverflow.Make({}, "a time outside the calendar");
        }
        if (*out > 0 && reached > to) --*out;
        if (*out < 0 && reached < to) ++*out;
        return Status::OK();
      });
}

Result<arrow::Datum> DateAdd(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  auto overflow = [] {
    return errors::kNumericOverflow.Make({}, "a time outside the calendar");
  };
  if (arguments.size() == 2) {
    return MapRows<int64_t, int64_t, MonthDayNanos>(
        context, arguments, rows, type,
        [&](int64_t micros, const MonthDayNanos& by, int64_t* out) {
          return AddInterval(micros, kMicrosPerSecond, by, out) ? Status::OK()
                                                                : overflow();
        });
  }
  FieldCache cache;
  return MapRows<int64_t, Text, int64_t, int64_t>(
      context, arguments, rows, type,
      [&](Text name, int64_t count, int64_t micros, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeField unit, cache.Get(name, true));
        return AddUnits(micros, count, unit, out) ? Status::OK() : overflow();
      });
}

Status MakeDay(int64_t year, int64_t month, int64_t day, int64_t* out) {
  // The years of DATE.
  const bool in_range = year > -5'000'000 && year < 5'000'000 && month >= 1 &&
                        month <= 12 && day >= 1 &&
                        day <= DaysInMonth(year, static_cast<int>(month));
  if (!in_range) {
    return errors::kOutOfDomain.Make({}, "there is no day {}-{}-{}", year, month, day);
  }
  *out = DaysOf({year, static_cast<int>(month), static_cast<int>(day)});
  return Status::OK();
}

Result<arrow::Datum> MakeDate(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  return MapRows<int32_t, int64_t, int64_t, int64_t>(
      context, arguments, rows, type,
      [](int64_t year, int64_t month, int64_t day, int32_t* out) -> Status {
        int64_t days;
        ARROW_RETURN_NOT_OK(MakeDay(year, month, day, &days));
        *out = static_cast<int32_t>(days);
        return Status::OK();
      });
}

Result<arrow::Datum> MakeTimestamp(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type) {
  return MapRows<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, double>(
      context, arguments, rows, type,
      [](int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute,
         double second, int64_t* out) -> Status {
        int64_t days;
        ARROW_RETURN_NOT_OK(MakeDay(year, month, day, &days));
        if (hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
            !(second >= 0 && second < 60)) {
          return errors::kOutOfDomain.Make({}, "there is no time {}:{}:{}", hour, minute,
                                           second);
        }
        const int64_t of_day =
            (hour * 3600 + minute * 60) * kMicrosPerSecond + std::llround(second * 1e6);
        if (__builtin_mul_overflow(days, kMicrosPerDay, out) ||
            __builtin_add_overflow(*out, of_day, out)) {
          return errors::kOutOfDomain.Make({}, "the year {} leaves TIMESTAMP", year);
        }
        return Status::OK();
      });
}

int64_t NowMicros(const EvalContext& context) {
  if (context.statement_micros != 0 || context.clock == nullptr) {
    return context.statement_micros;
  }
  return context.clock->WallMicros();
}

}  // namespace

Status RegisterTimeParts(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"now",
              {"current_timestamp", "get_current_timestamp"},
              "time",
              "now(), CURRENT_TIMESTAMP → timestamp with time zone",
              "The present: the start of a bounded query, of the batch in an unbounded "
              "one.",
              "now()",
              ""},
      .deterministic = false,
      .bind = Overloads("now", {{{}, TimestampTz()}}),
      .evaluate = [](EvalContext& context, const Arguments&, int64_t,
                     const TypePtr& type) -> Result<arrow::Datum> {
        return arrow::Datum(
            std::make_shared<arrow::TimestampScalar>(NowMicros(context), type));
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"current_date",
              {"today"},
              "time",
              "current_date(), CURRENT_DATE → date",
              "The present day in UTC.",
              "current_date()",
              ""},
      .deterministic = false,
      .bind = Overloads("current_date", {{{}, arrow::date32()}}),
      .evaluate = [](EvalContext& context, const Arguments&, int64_t,
                     const TypePtr&) -> Result<arrow::Datum> {
        return arrow::Datum(std::make_shared<arrow::Date32Scalar>(
            static_cast<int32_t>(expr::FloorDivide(NowMicros(context), kMicrosPerDay))));
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"date_part",
           {"extract", "datepart"},
           "time",
           "date_part(field, time), EXTRACT(field FROM time) → bigint or double",
           "One field of a DATE, TIMESTAMP, TIME or INTERVAL: year, quarter, month, "
           "week, "
           "isoyear, day, dow (0 Sunday), isodow (7 Sunday), doy, hour, minute, second, "
           "millisecond and microsecond (seconds included), timezone (0: zoned times "
           "show "
           "UTC), epoch. A constant 'epoch' gives a DOUBLE with the fraction.",
           "date_part('week', TIMESTAMP '2024-12-30 10:00:00')",
           "1"},
      .can_fail = true,
      .bind = BindDatePart(),
      .evaluate = DatePart}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"localtimestamp",
                             {},
                             "time",
                             "localtimestamp(), LOCALTIMESTAMP → timestamp",
                             "As now, what a clock in UTC shows.",
                             "localtimestamp()",
                             ""},
                     .deterministic = false,
                     .bind = Overloads("localtimestamp", {{{}, Timestamp()}}),
                     .evaluate = [](EvalContext& context, const Arguments&, int64_t,
                                    const TypePtr& type) -> Result<arrow::Datum> {
                       return arrow::Datum(std::make_shared<arrow::TimestampScalar>(
                           NowMicros(context), type));
                     }}));
  struct Part {
    const char *name, *description, *example, *result;
    std::vector<std::string> aliases = {};
  };
  const Part parts[] = {
      {"year", "Year of a date or time.", "year(DATE '2024-02-29')", "2024"},
      {"quarter", "Quarter, 1 to 4.", "quarter(DATE '2024-05-01')", "2"},
      {"month", "Month, 1 to 12.", "month(DATE '2024-02-29')", "2"},
      {"week", "ISO week, 1 to 53.", "week(DATE '2021-01-03')", "53", {"weekofyear"}},
      {"day", "Day of the month.", "day(DATE '2024-02-29')", "29", {"dayofmonth"}},
      {"dow",
       "Day of the week, 0 Sunday to 6.",
       "dow(DATE '2024-02-29')",
       "4",
       {"dayofweek"}},
      {"isodow", "Day of the week, 1 Monday to 7.", "isodow(DATE '2024-03-03')", "7"},
      {"doy",
       "Day of the year, 1 to 366.",
       "doy(DATE '2024-02-29')",
       "60",
       {"dayofyear"}},
      {"hour", "Hour, 0 to 23.", "hour(TIMESTAMP '2024-02-29 13:14:15')", "13"},
      {"minute", "Minute, 0 to 59.", "minute(TIMESTAMP '2024-02-29 13:14:15')", "14"},
      {"second", "Second, 0 to 59.", "second(TIMESTAMP '2024-02-29 13:14:15')", "15"}};
  for (const Part& part : parts) {
    ARROW_ASSIGN_OR_RAISE(const TimeField field, FieldNamed(part.name));
    std::vector<Signature> forms{{{Timestamp()}, integer}, {{TimestampTz()}, integer}};
    if (IsFieldOfDay(field)) {
      forms.push_back({{arrow::time64(arrow::TimeUnit::MICRO)}, integer});
    }
    ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
        .doc = {part.name, part.aliases, "time",
                std::string(part.name) + "(time) → bigint", part.description,
                part.example, part.result},
        .bind = Overloads(part.name, forms),
        .evaluate = [field](EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
          return MapRows<int64_t, int64_t>(
              context, arguments, rows, type,
              [field](int64_t micros, int64_t* out) { *out = FieldOf(micros, field); });
        }}));
  }
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"date_trunc",
              {"datetrunc"},
              "time",
              "date_trunc(unit, time) → timestamp",
              "Start of the unit that the time lies in, in UTC for a zoned one; weeks "
              "begin on "
              "Monday.",
              "date_trunc('month', TIMESTAMP '2024-02-29 13:14:15')",
              "2024-02-01 00:00:00"},
      .can_fail = true,
      .bind = KeepingZone(Overloads("date_trunc", OverTimes(text, nullptr))),
      .evaluate = DateTrunc}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"date_diff",
           {"datediff"},
           "time",
           "date_diff(unit, from, to) → bigint, date_diff(to, from) → bigint",
           "Number of unit boundaries crossed between two times; days where no unit is "
           "given.",
           "date_diff('month', DATE '2024-01-31', DATE '2024-02-01')",
           "1"},
      .can_fail = true,
      .bind = Overloads("date_diff", {{{text, Timestamp(), Timestamp()}, integer},
                                      {{text, TimestampTz(), TimestampTz()}, integer},
                                      {{Timestamp(), Timestamp()}, integer},
                                      {{TimestampTz(), TimestampTz()}, integer}}),
      .evaluate = DateDiff}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"timestampdiff",
           {},
           "time",
           "timestampdiff(unit, from, to) → bigint",
           "Number of whole units from one time to the other: as often as date_add can "
           "move the first without passing the second.",
           "timestampdiff('month', DATE '2024-01-15', DATE '2024-03-14')",
           "1"},
      .can_fail = true,
      .bind =
          Overloads("timestampdiff", {{{text, Timestamp(), Timestamp()}, integer},
                                      {{text, TimestampTz(), TimestampTz()}, integer}}),
      .evaluate = WholeUnits}));
  const auto interval = arrow::month_day_nano_interval();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"date_add",
              {"dateadd", "timestampadd"},
              "time",
              "date_add(time, interval) → timestamp, date_add(unit, count, time) → "
              "timestamp",
              "The time moved. A day past the end of its month becomes the last one.",
              "date_add('month', 1, TIMESTAMP '2024-01-31 00:00:00')",
              "2024-02-29 00:00:00"},
      .can_fail = true,
      .bind = KeepingZone(
          Overloads("date_add", {{{Timestamp(), interval}, Timestamp()},
                                 {{TimestampTz(), interval}, TimestampTz()},
                                 {{text, integer, Timestamp()}, Timestamp()},
                                 {{text, integer, TimestampTz()}, TimestampTz()}})),
      .evaluate = DateAdd}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"make_date",
              {},
              "time",
              "make_date(year, month, day) → date",
              "A date of its parts; an error where there is no such day.",
              "make_date(2024, 2, 29)",
              "2024-02-29"},
      .can_fail = true,
      .bind = Overloads("make_date", {{{integer, integer, integer}, arrow::date32()}}),
      .evaluate = MakeDate}));
  return registry.Add(ScalarFunction{
      .doc = {"make_timestamp",
              {},
              "time",
              "make_timestamp(year, month, day, hour, minute, second) → timestamp",
              "A time of its parts; the seconds may have a fraction.",
              "make_timestamp(2024, 2, 29, 13, 14, 15.5)",
              "2024-02-29 13:14:15.5"},
      .can_fail = true,
      .bind = Overloads("make_timestamp",
                        {{{integer, integer, integer, integer, integer, arrow::float64()},
                          Timestamp()}}),
      .evaluate = MakeTimestamp});
}

}  // namespace millrace::functions
