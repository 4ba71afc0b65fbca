// DATE_FORMAT, STRPTIME, unix times and time zones.
#include <cmath>
#include <optional>

#include <date/date.h>
#include <date/tz.h>

#include "millrace/expr/errors.h"
#include "millrace/expr/time_text.h"
#include "millrace/functions/scalar/intervals_internal.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/time_format_internal.h"
#include "millrace/functions/time_zone.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;
using Micros = std::chrono::microseconds;

// The last zone looked up: one call mostly has one.
class ZoneCache {
 public:
  Result<const date::time_zone*> Get(Text name) {
    if (zone_ != nullptr && name == name_) return zone_;
    zone_ = nullptr;
    ARROW_ASSIGN_OR_RAISE(zone_, LocateTimeZone(name));
    name_ = std::string(name);
    return zone_;
  }

 private:
  std::string name_;
  const date::time_zone* zone_ = nullptr;
};

// TIMESTAMP AT TIME ZONE: the instant at which that zone's clocks show it. Shown twice:
// the first; in a gap: moved on by the gap's length.
int64_t ToInstant(int64_t wall, const date::time_zone& zone) {
  const date::local_time<Micros> local{Micros(wall)};
  const date::local_info info = zone.get_info(local);
  return (local.time_since_epoch() - info.first.offset).count();
}

int64_t ToWall(int64_t instant, const date::time_zone& zone) {
  const date::sys_time<Micros> at{Micros(instant)};
  return instant + std::chrono::duration_cast<Micros>(zone.get_info(at).offset).count();
}

Result<arrow::Datum> AtTimeZone(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const TypePtr& type) {
  ZoneCache cache;
  const bool to_instant =
      !static_cast<const arrow::TimestampType&>(*type).timezone().empty();
  return MapRows<int64_t, int64_t, Text>(
      context, arguments, rows, type,
      [&](int64_t micros, Text name, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const date::time_zone* zone, cache.Get(name));
        *out = to_instant ? ToInstant(micros, *zone) : ToWall(micros, *zone);
        return Status::OK();
      });
}

// The last format read: one call mostly has one.
class FormatCache {
 public:
  Result<const TimeFormat*> Get(Text pattern) {
    if (!format_ || format_->pattern() != pattern) {
      ARROW_ASSIGN_OR_RAISE(format_, TimeFormat::Make(pattern));
    }
    return &*format_;
  }

 private:
  std::optional<TimeFormat> format_;
};

Result<arrow::Datum> DateFormat(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const TypePtr&) {
  FormatCache cache;
  std::string text;
  return MapRowsToText<int64_t, Text>(
      context, arguments, rows,
      [&](int64_t micros, Text pattern, TextOutput& out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeFormat* format, cache.Get(pattern));
        text.clear();
        format->Format(micros, &text);
        return out.Append(text);
      });
}

Result<arrow::Datum> ParseWithFormat(EvalContext& context, const Arguments& arguments,
                                     int64_t rows, const TypePtr& type, bool lenient) {
  FormatCache cache;
  if (lenient) {
    return MapRows<int64_t, Text, Text>(
        context, arguments, rows, type, [&](Text text, Text pattern, int64_t* out) {
          const auto format = cache.Get(pattern);
          return format.ok() && (*format)->Parse(text, out);
        });
  }
  return MapRows<int64_t, Text, Text>(
      context, arguments, rows, type,
      [&](Text text, Text pattern, int64_t* out) -> Status {
        ARROW_ASSIGN_OR_RAISE(const TimeFormat* format, cache.Get(pattern));
        if (format->Parse(text, out)) return Status::OK();
        return errors::kBadCast.Make({}, "'{}' does not have the format '{}'", text,
                                     pattern);
      });
}

Result<arrow::Datum> ParseIso(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  return MapRows<int64_t, Text>(
      context, arguments, rows, type, [](Text text, int64_t* out) {
        expr::ParsedTime time;
        if (expr::ParseTime(text, &time) &&
            expr::ScaleTime(time, kMicrosPerSecond, out)) {
          return Status::OK();
        }
        return errors::kBadCast.Make({}, "'{}' is no time", text);
      });
}

Result<arrow::Datum> FromUnix(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  auto out_of_range = [] {
    return errors::kNumericOverflow.Make({}, "a time outside the calendar");
  };
  if (arguments[0].type()->id() == arrow::Type::INT64) {
    return MapRows<int64_t, int64_t>(
        context, arguments, rows, type, [&](int64_t seconds, int64_t* out) {
          return __builtin_mul_overflow(seconds, kMicrosPerSecond, out) ? out_of_range()
                                                                        : Status::OK();
        });
  }
  return MapRows<int64_t, double>(context, arguments, rows, type,
                                  [&](double seconds, int64_t* out) {
                                    const double micros = std::nearbyint(seconds * 1e6);
                                    if (!(std::fabs(micros) < 9.2e18))
                                      return out_of_range();
                                    *out = static_cast<int64_t>(micros);
                                    return Status::OK();
                                  });
}

Result<arrow::Datum> UnixSeconds(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr& type, int64_t divisor) {
  return MapRows<int64_t, int64_t>(context, arguments, rows, type,
                                   [divisor](int64_t micros, int64_t* out) {
                                     *out = expr::FloorDivide(micros, divisor);
                                   });
}

}  // namespace

Status RegisterTimeText(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  const auto real = arrow::float64();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"timezone",
              {"at_time_zone"},
              "time",
              "time AT TIME ZONE zone → timestamp with or without time zone",
              "Of a TIMESTAMP: the instant at which clocks in the zone show it. Of a "
              "TIMESTAMP WITH TIME ZONE: what they show at that instant. A time in the "
              "gap of a change of clocks moves on by the gap, one shown twice is the "
              "first.",
              "timezone(TIMESTAMP '2024-07-01 12:00:00', 'Europe/Berlin')",
              "2024-07-01 10:00:00+00"},
      .can_fail = true,
      .bind = Overloads("timezone", {{{Timestamp(), text}, TimestampTz()},
                                     {{TimestampTz(), text}, Timestamp()}}),
      .evaluate = AtTimeZone}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"date_format",
           {"strftime"},
           "time",
           "date_format(time, format) → varchar",
           "The time in a format of strftime's specifiers: %Y %y %m %d %e %j %H %I %M %S "
           "(whole seconds) %g (milliseconds) %f (microseconds) %n (nanoseconds) %p %a "
           "%A %b %B %u %w %U %W %V %G %z %Z, %F %T %R %D %c %x %X for several at once; "
           "%-d is without zeros in front.",
           "date_format(TIMESTAMP '2024-02-29 13:14:15', '%d.%m.%Y %H:%M')",
           "29.02.2024 13:14"},
      .can_fail = true,
      .bind = Overloads("date_format",
                        {{{Timestamp(), text}, text}, {{TimestampTz(), text}, text}}),
      .evaluate = DateFormat}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"strptime",
           {},
           "time",
           "strptime(text, format) → timestamp",
           "Time read from a text of that format (see date_format); an error where it "
           "has "
           "another. %f takes up to 9 digits, of which 6 are kept; %z turns the time to "
           "UTC.",
           "strptime('29/02/2024 13:14', '%d/%m/%Y %H:%M')",
           "2024-02-29 13:14:00"},
      .can_fail = true,
      .bind = Overloads("strptime", {{{text, text}, Timestamp()}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return ParseWithFormat(context, arguments, rows, type, false);
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"try_strptime",
                             {},
                             "time",
                             "try_strptime(text, format) → timestamp",
                             "As strptime, with NULL where the text has another format.",
                             "try_strptime('x', '%Y')",
                             ""},
                     .bind = Overloads("try_strptime", {{{text, text}, Timestamp()}}),
                     .evaluate = [](EvalContext& context, const Arguments& arguments,
                                    int64_t rows, const TypePtr& type) {
                       return ParseWithFormat(context, arguments, rows, type, true);
                     }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"timestamp",
              {},
              "time",
              "timestamp(text) → timestamp",
              "Time of an ISO 8601 text; one with a zone is turned to UTC.",
              "timestamp('2024-02-29T13:14:15+02:00')",
              "2024-02-29 11:14:15"},
      .can_fail = true,
      .bind = Overloads("timestamp", {{{text}, Timestamp()}}),
      .evaluate = ParseIso}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"from_unixtime",
              {},
              "time",
              "from_unixtime(seconds) → timestamp",
              "Time in UTC so many seconds after 1970 began.",
              "from_unixtime(86400)",
              "1970-01-02 00:00:00"},
      .can_fail = true,
      .bind =
          Overloads("from_unixtime", {{{integer}, Timestamp()}, {{real}, Timestamp()}}),
      .evaluate = FromUnix}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"to_timestamp",
              {},
              "time",
              "to_timestamp(seconds) → timestamp with time zone",
              "Instant so many seconds after 1970 began.",
              "to_timestamp(0.5)",
              "1970-01-01 00:00:00.5+00"},
      .can_fail = true,
      .bind = Overloads("to_timestamp",
                        {{{integer}, TimestampTz()}, {{real}, TimestampTz()}}),
      .evaluate = FromUnix}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"unix_timestamp",
              {},
              "time",
              "unix_timestamp([time]) → bigint",
              "Whole seconds since 1970 began, rounded down; of the present, as now() "
              "gives it, where no time is given.",
              "unix_timestamp(TIMESTAMP '1970-01-02 00:00:00')",
              "86400"},
      .bind = Overloads("unix_timestamp",
                        {{{Timestamp()}, integer}, {{TimestampTz()}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return UnixSeconds(context, arguments, rows, type, kMicrosPerSecond);
      }}));
  return registry.Add(ScalarFunction{
      .doc = {"epoch_ms",
              {},
              "time",
              "epoch_ms(time) → bigint",
              "Whole milliseconds since 1970 began, rounded down.",
              "epoch_ms(TIMESTAMP '1970-01-01 00:00:01.5')",
              "1500"},
      .bind =
          Overloads("epoch_ms", {{{Timestamp()}, integer}, {{TimestampTz()}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return UnixSeconds(context, arguments, rows, type, 1'000);
      }});
}

}  // namespace millrace::functions
