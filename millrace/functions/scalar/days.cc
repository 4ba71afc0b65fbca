// Names and ends of days and months, counts since 1970, buckets of time.
#include <array>

#include "millrace/base/calendar.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/calendar_internal.h"
#include "millrace/functions/scalar/intervals_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

constexpr std::array<Text, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<Text, 12> kMonths{"January",   "February", "March",    "April",
                                       "May",       "June",     "July",     "August",
                                       "September", "October",  "November", "December"};

std::vector<Signature> OfTimes(const TypePtr& result) {
  return {{{Timestamp()}, result}, {{TimestampTz()}, result}};
}

template <size_t N>
ScalarFunction NameOf(expr::FunctionDoc doc, const std::array<Text, N>& names,
                      TimeField field, int64_t first) {
  const std::string name = doc.name;
  return ScalarFunction{
      .doc = std::move(doc),
      .bind = Overloads(name, OfTimes(arrow::utf8())),
      .evaluate = [&names, field, first](EvalContext& context, const Arguments& arguments,
                                         int64_t rows, const TypePtr&) {
        return MapRowsToText<int64_t>(
            context, arguments, rows,
            [&names, field, first](int64_t micros, TextOutput& out) {
              return out.Append(names[FieldOf(micros, field) - first]);
            });
      }};
}

Result<arrow::Datum> LastDay(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  return MapRows<int32_t, int64_t>(
      context, arguments, rows, type, [](int64_t micros, int32_t* out) {
        const int64_t year = FieldOf(micros, TimeField::kYear);
        const auto month = static_cast<int>(FieldOf(micros, TimeField::kMonth));
        *out = static_cast<int32_t>(DaysOf({year, month, DaysInMonth(year, month)}));
      });
}

// Buckets of months begin at 2000-01-01, others at 2000-01-03, a Monday, so that those of
// weeks are weeks.
constexpr int64_t kFirstBucketMonth = 30 * 12;
constexpr int64_t kFirstBucketMicros = 10'959 * kMicrosPerDay;

Status BadWidth(const char* reason) {
  return errors::kOutOfDomain.Make({}, "time_bucket: {}", reason);
}

Status BucketOf(const MonthDayNanos& width, int64_t micros, int64_t* out) {
  const bool of_time = width.days != 0 || width.nanoseconds != 0;
  if (width.months != 0 && of_time) {
    return BadWidth("a width is of months, or of days and time, not of both");
  }
  if (width.months > 0) {
    const int64_t months = (FieldOf(micros, TimeField::kYear) - 1970) * 12 +
                           FieldOf(micros, TimeField::kMonth) - 1;
    const int64_t bucket =
        kFirstBucketMonth +
        FloorDivide(months - kFirstBucketMonth, width.months) * width.months;
    int64_t days;
    if (!AddMonths(0, bucket, &days) ||
        __builtin_mul_overflow(days, kMicrosPerDay, out)) {
      return errors::kNumericOverflow.Make({}, "a time outside the calendar");
    }
    return Status::OK();
  }
  const expr::Int128 length =
      expr::Int128(width.days) * kMicrosPerDay + expr::Int128(width.nanoseconds) / 1000;
  if (length <= 0 || width.nanoseconds % 1000 != 0) {
    return BadWidth("a width is at least a microsecond, and whole ones");
  }
  const expr::Int128 since = expr::Int128(micros) - kFirstBucketMicros;
  const expr::Int128 rest = since % length;
  const expr::Int128 begin = micros - (rest < 0 ? rest + length : rest);
  *out = static_cast<int64_t>(begin);
  if (*out != begin) {
    return errors::kNumericOverflow.Make({}, "a time outside the calendar");
  }
  return Status::OK();
}

Result<arrow::Datum> TimeBucket(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const TypePtr& type) {
  return MapRows<int64_t, MonthDayNanos, int64_t>(context, arguments, rows, type,
                                                  BucketOf);
}

}  // namespace

Status RegisterDays(FunctionRegistry& registry) {
  const auto integer = arrow::int64();
  const auto interval = arrow::month_day_nano_interval();
  ARROW_RETURN_NOT_OK(registry.Add(NameOf({"dayname",
                                           {},
                                           "time",
                                           "dayname(time) → varchar",
                                           "English name of the day of the week.",
                                           "dayname(DATE '2024-02-29')",
                                           "Thursday"},
                                          kDays, TimeField::kDow, 0)));
  ARROW_RETURN_NOT_OK(registry.Add(NameOf({"monthname",
                                           {},
                                           "time",
                                           "monthname(time) → varchar",
                                           "English name of the month.",
                                           "monthname(DATE '2024-02-29')",
                                           "February"},
                                          kMonths, TimeField::kMonth, 1)));
  ARROW_RETURN_NOT_OK(
      registry.Add(ScalarFunction{.doc = {"last_day",
                                          {},
                                          "time",
                                          "last_day(time) → date",
                                          "The last day of the month.",
                                          "last_day(DATE '2024-02-03')",
                                          "2024-02-29"},
                                  .bind = Overloads("last_day", OfTimes(arrow::date32())),
                                  .evaluate = LastDay}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"epoch",
              {},
              "time",
              "epoch(time) → double",
              "Seconds since 1970-01-01 00:00:00 UTC, with the fraction.",
              "epoch(TIMESTAMP '1970-01-02 00:00:00.5')",
              "86400.5"},
      .bind = Overloads("epoch", OfTimes(arrow::float64())),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<double, int64_t>(context, arguments, rows, type,
                                        [](int64_t micros, double* out) {
                                          *out = static_cast<double>(micros) / 1e6;
                                        });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"epoch_us",
                             {},
                             "time",
                             "epoch_us(time) → bigint",
                             "Microseconds since 1970-01-01 00:00:00 UTC.",
                             "epoch_us(TIMESTAMP '1970-01-01 00:00:01.5')",
                             "1500000"},
                     .bind = Overloads("epoch_us", OfTimes(integer)),
                     .evaluate = [](EvalContext& context, const Arguments& arguments,
                                    int64_t rows, const TypePtr& type) {
                       return MapRows<int64_t, int64_t>(
                           context, arguments, rows, type,
                           [](int64_t micros, int64_t* out) { *out = micros; });
                     }}));
  return registry.Add(ScalarFunction{
      .doc = {"time_bucket",
              {"date_bin"},
              "time",
              "time_bucket(width, time) → timestamp",
              "Start of the bucket of that width that the time lies in, in UTC for a "
              "zoned one. Buckets of months are counted from 2000-01-01, others from "
              "Monday, 2000-01-03.",
              "time_bucket(INTERVAL '15' SECOND, TIMESTAMP '2024-02-29 13:14:20')",
              "2024-02-29 13:14:15"},
      .can_fail = true,
      .bind = Overloads("time_bucket", {{{interval, Timestamp()}, Timestamp()},
                                        {{interval, TimestampTz()}, TimestampTz()}}),
      .evaluate = TimeBucket});
}

}  // namespace millrace::functions
