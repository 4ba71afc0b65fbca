// + - * / % and unary minus.
#include <algorithm>
#include <cmath>

#include <arrow/type_traits.h>

#include "millrace/expr/errors.h"
#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/intervals_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;
using expr::Int128;

constexpr int kMaxDigits = 38;

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) ||
         type.id() == Type::DECIMAL128 || type.id() == Type::NA;
}
bool IsInterval(const arrow::DataType& type) {
  return type.id() == Type::INTERVAL_MONTH_DAY_NANO;
}
bool IsTimestamp(const arrow::DataType& type) { return type.id() == Type::TIMESTAMP; }
bool IsDate(const arrow::DataType& type) { return type.id() == Type::DATE32; }

// Small integers compute as INTEGER, unsigned ones in the next signed type.
TypePtr ComputedInteger(const TypePtr& type) {
  switch (type->id()) {
    case Type::INT64:
    case Type::UINT64: return type;
    case Type::UINT32: return arrow::int64();
    default: return arrow::int32();
  }
}

struct DecimalShape {
  int precision, scale;
};

DecimalShape ShapeOf(const arrow::DataType& type) {
  if (type.id() == Type::DECIMAL128) {
    const auto& decimal = static_cast<const arrow::DecimalType&>(type);
    return {decimal.precision(), decimal.scale()};
  }
  switch (type.bit_width()) {
    case 8: return {3, 0};
    case 16: return {5, 0};
    case 32: return {10, 0};
    default: return {type.id() == Type::UINT64 ? 20 : 19, 0};
  }
}

Result<Binding> BindDecimal(const std::string& name, const Types& types) {
  const DecimalShape left = ShapeOf(*types[0]);
  const DecimalShape right = ShapeOf(*types[1]);
  if (name == "*") {
    const int scale = left.scale + right.scale;
    if (scale > kMaxDigits) return BadArguments(name, types, "more than 38 digits");
    return Binding{
        {arrow::decimal128(left.precision, left.scale),
         arrow::decimal128(right.precision, right.scale)},
        arrow::decimal128(std::min(kMaxDigits, left.precision + right.precision), scale)};
  }
  const int scale = std::max(left.scale, right.scale);
  const int whole = std::max(left.precision - left.scale, right.precision - right.scale);
  const int carry = name == "%" ? 0 : 1;
  const auto type = arrow::decimal128(std::min(kMaxDigits, whole + scale + carry), scale);
  return Binding{{type, type}, type};
}

Result<Binding> BindNumbers(const std::string& name, Types types) {
  for (size_t i = 0; i < 2; ++i) {
    if (types[i]->id() == Type::NA) types[i] = types[1 - i];
    if (types[i]->id() == Type::NA) types[i] = arrow::int32();
  }
  if (types[1]->id() == Type::NA) types[1] = types[0];
  const TypePtr common = expr::CommonType(types[0], types[1]);
  if (common == nullptr) return BadArguments(name, types);
  if (common->id() == Type::DECIMAL128) {
    if (name != "/") return BindDecimal(name, types);
    return Binding{{arrow::float64(), arrow::float64()}, arrow::float64()};
  }
  if (arrow::is_floating(common->id())) return Binding{{common, common}, common};
  const TypePtr type = ComputedInteger(common);
  if (type->id() == Type::UINT64 && name == "%") return BindDecimal(name, types);
  return Binding{{type, type}, type};
}

// Times compute in microseconds unless they are finer.
TypePtr ComputedTimestamp(const arrow::DataType& type) {
  const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
  return arrow::timestamp(std::max(timestamp.unit(), arrow::TimeUnit::MICRO),
                          timestamp.timezone());
}

Result<Binding> BindTimes(const std::string& name, const Types& types) {
  const auto interval = arrow::month_day_nano_interval();
  const arrow::DataType& left = *types[0];
  const arrow::DataType& right = *types[1];
  auto with_interval = [&](const arrow::DataType& time) {
    return IsDate(time) ? Timestamp() : ComputedTimestamp(time);
  };
  const bool left_time = IsTimestamp(left) || IsDate(left);
  const bool right_time = IsTimestamp(right) || IsDate(right);
  if (left_time && IsInterval(right) && name != "*") {
    const TypePtr type = with_interval(left);
    return Binding{{type, interval}, type};
  }
  if (IsInterval(left) && right_time && name == "+") {
    const TypePtr type = with_interval(right);
    return Binding{{interval, type}, type};
  }
  if (name != "*" && IsDate(left) && arrow::is_integer(right.id())) {
    return Binding{{arrow::date32(), arrow::int64()}, arrow::date32()};
  }
  if (name == "+" && arrow::is_integer(left.id()) && IsDate(right)) {
    return Binding{{arrow::int64(), arrow::date32()}, arrow::date32()};
  }
  if (name == "-" && IsDate(left) && IsDate(right)) {
    return Binding{{arrow::date32(), arrow::date32()}, arrow::int64()};
  }
  if (name == "-" && left_time && right_time) {
    const TypePtr common = expr::CommonType(types[0], types[1]);
    const TypePtr type = ComputedTimestamp(*common);
    return Binding{{type, type}, interval};
  }
  if (name != "*" && IsInterval(left) && IsInterval(right)) {
    return Binding{{interval, interval}, interval};
  }
  if (name == "*" && IsInterval(left) && arrow::is_integer(right.id())) {
    return Binding{{interval, arrow::int64()}, interval};
  }
  if (name == "*" && arrow::is_integer(left.id()) && IsInterval(right)) {
    return Binding{{arrow::int64(), interval}, interval};
  }
  return BadArguments(name, types);
}

Bind BindArithmetic(std::string name) {
  return
      [name = std::move(name)](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() == 1 && name == "-") {
          if (IsInterval(*types[0])) return Binding{types, types[0]};
          if (!IsNumber(*types[0])) return BadArguments(name, types);
          TypePtr type = types[0];
          if (arrow::is_integer(type->id())) type = ComputedInteger(type);
          if (type->id() == Type::NA) type = arrow::int32();
          if (type->id() == Type::UINT64) type = arrow::decimal128(20, 0);
          return Binding{{type}, type};
        }
        if (types.size() != 2) return BadArguments(name, types);
        if (IsNumber(*types[0]) && IsNumber(*types[1])) return BindNumbers(name, types);
        if (name == "/" || name == "%") return BadArguments(name, types);
        Types adapted = types;
        if (types[0]->id() == Type::NA) adapted[0] = arrow::month_day_nano_interval();
        if (types[1]->id() == Type::NA) adapted[1] = arrow::month_day_nano_interval();
        return BindTimes(name, adapted);
      };
}

Status Overflow(const char* name) {
  return errors::kNumericOverflow.Make({}, "the result of {} has too many digits", name);
}

enum class Operator { kAdd, kSubtract, kMultiply, kModulo };

template <Operator kOperator>
Result<arrow::Datum> ComputeDecimal(EvalContext& context, const Arguments& arguments,
                                    int64_t rows, const TypePtr& type) {
  const int precision = static_cast<const arrow::DecimalType&>(*type).precision();
  return MapRowsToDecimal<Int128, Int128>(
      context, arguments, rows, type, [precision](Int128 a, Int128 b, Int128* out) {
        bool overflow = false;
        if constexpr (kOperator == Operator::kAdd) {
          overflow = __builtin_add_overflow(a, b, out);
        } else if constexpr (kOperator == Operator::kSubtract) {
          overflow = __builtin_sub_overflow(a, b, out);
        } else if constexpr (kOperator == Operator::kMultiply) {
          overflow = __builtin_mul_overflow(a, b, out);
        } else {
          if (b == 0) return errors::kDivisionByZero.Make({}, "DECIMAL % 0");
          *out = a % b;
        }
        if (overflow || !expr::FitsDigits(*out, precision)) return Overflow("DECIMAL");
        return Status::OK();
      });
}

int64_t PerSecond(const arrow::DataType& type) {
  return static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::NANO
             ? 1'000'000'000
             : 1'000'000;
}

Status TimeOverflow() {
  return errors::kNumericOverflow.Make({}, "a time outside the calendar");
}

Result<arrow::Datum> MoveTime(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type, int sign) {
  const int64_t per_second = PerSecond(*type);
  const bool time_first = !IsInterval(*arguments[0].type());
  const Arguments ordered =
      time_first ? arguments : Arguments{arguments[1], arguments[0]};
  return MapRows<int64_t, int64_t, MonthDayNanos>(
      context, ordered, rows, type,
      [=](int64_t time, const MonthDayNanos& by, int64_t* out) {
        MonthDayNanos signed_by;
        if (!MultiplyInterval(by, sign, &signed_by) ||
            !AddInterval(time, per_second, signed_by, out)) {
          return TimeOverflow();
        }
        return Status::OK();
      });
}

Result<arrow::Datum> MoveDate(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type, int sign) {
  const bool date_first = IsDate(*arguments[0].type());
  const Arguments ordered =
      date_first ? arguments : Arguments{arguments[1], arguments[0]};
  return MapRows<int32_t, int32_t, int64_t>(
      context, ordered, rows, type, [sign](int32_t date, int64_t days, int32_t* out) {
        int64_t signed_days;
        if (__builtin_mul_overflow(days, int64_t{sign}, &signed_days) ||
            __builtin_add_overflow(date, signed_days, out)) {
          return TimeOverflow();
        }
        return Status::OK();
      });
}

// Interval results have no CType of Arrow's: they come from their own builder.
template <typename A, typename B, typename Fn>
Result<arrow::Datum> ToInterval(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const Fn& fn) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto left, Column<A>::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto right, Column<B>::Make(arguments.back(), context.pool));
  arrow::MonthDayNanoIntervalBuilder builder(context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    if (left.IsNull(row) || right.IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    MonthDayNanos out{0, 0, 0};
    if (!fn(left[row], right[row], &out)) {
      return errors::kNumericOverflow.Make({}, "an INTERVAL is too long");
    }
    builder.UnsafeAppend(out);
  }
  ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
  return Retyped(array, arrow::month_day_nano_interval(), scalar);
}

Result<arrow::Datum> TimeDifference(EvalContext& context, const Arguments& arguments,
                                    int64_t rows) {
  const int64_t per_second = PerSecond(*arguments[0].type());
  const int64_t per_day = per_second * 86'400;
  return ToInterval<int64_t, int64_t>(
      context, arguments, rows, [=](int64_t a, int64_t b, MonthDayNanos* out) {
        int64_t difference;
        if (__builtin_sub_overflow(a, b, &difference)) return false;
        out->days = static_cast<int32_t>(difference / per_day);
        out->nanoseconds = difference % per_day * (1'000'000'000 / per_second);
        return true;
      });
}

bool AddIntervals(const MonthDayNanos& a, const MonthDayNanos& b, MonthDayNanos* out) {
  return !__builtin_add_overflow(a.months, b.months, &out->months) &&
         !__builtin_add_overflow(a.days, b.days, &out->days) &&
         !__builtin_add_overflow(a.nanoseconds, b.nanoseconds, &out->nanoseconds);
}

template <bool kAdd>
Result<arrow::Datum> AddOrSubtract(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type) {
  constexpr int kSign = kAdd ? 1 : -1;
  switch (type->id()) {
    case Type::DECIMAL128:
      return ComputeDecimal < kAdd
                 ? Operator::kAdd
                 : Operator::kSubtract > (context, arguments, rows, type);
    case Type::TIMESTAMP: return MoveTime(context, arguments, rows, type, kSign);
    case Type::DATE32: return MoveDate(context, arguments, rows, type, kSign);
    case Type::INTERVAL_MONTH_DAY_NANO:
      if (IsTimestamp(*arguments[0].type())) {
        return TimeDifference(context, arguments, rows);
      }
      return ToInterval<MonthDayNanos, MonthDayNanos>(
          context, arguments, rows,
          [](const MonthDayNanos& a, const MonthDayNanos& b, MonthDayNanos* out) {
            MonthDayNanos other;
            return MultiplyInterval(b, kSign, &other) && AddIntervals(a, other, out);
          });
    default: break;
  }
  if (IsDate(*arguments[0].type())) {
    return MapRows<int64_t, int32_t, int32_t>(
        context, arguments, rows, type,
        [](int32_t a, int32_t b, int64_t* out) { *out = int64_t{a} - b; });
  }
  return CallArrow(context, kAdd ? "add_checked" : "subtract_checked", arguments);
}

Result<arrow::Datum> Negate(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
  if (type->id() == Type::DECIMAL128) {
    return MapRowsToDecimal<Int128>(context, arguments, rows, type,
                                    [](Int128 a, Int128* out) {
                                      *out = -a;
                                      return Status::OK();
                                    });
  }
  if (IsInterval(*type)) {
    return ToInterval<MonthDayNanos, MonthDayNanos>(
        context, arguments, rows,
        [](const MonthDayNanos& a, const MonthDayNanos&, MonthDayNanos* out) {
          return MultiplyInterval(a, -1, out);
        });
  }
  return CallArrow(context, "negate_checked", arguments);
}

Result<arrow::Datum> Subtract(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  if (arguments.size() == 1) return Negate(context, arguments, rows, type);
  return AddOrSubtract<false>(context, arguments, rows, type);
}

Result<arrow::Datum> Multiply(EvalContext& context, const Arguments& arguments,
                              int64_t rows, const TypePtr& type) {
  if (type->id() == Type::DECIMAL128) {
    return ComputeDecimal<Operator::kMultiply>(context, arguments, rows, type);
  }
  if (IsInterval(*type)) {
    const bool interval_first = IsInterval(*arguments[0].type());
    const Arguments ordered =
        interval_first ? arguments : Arguments{arguments[1], arguments[0]};
    return ToInterval<MonthDayNanos, int64_t>(
        context, ordered, rows,
        [](const MonthDayNanos& a, int64_t factor, MonthDayNanos* out) {
          return MultiplyInterval(a, factor, out);
        });
  }
  return CallArrow(context, "multiply_checked", arguments);
}

Result<arrow::Datum> Divide(EvalContext& context, const Arguments& arguments, int64_t,
                            const TypePtr& type) {
  // IEEE for fractions: x / 0 is infinite or NaN. Integers fail.
  return CallArrow(context, arrow::is_floating(type->id()) ? "divide" : "divide_checked",
                   arguments);
}

template <typename Int>
Result<arrow::Datum> IntegerModulo(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type) {
  return MapRows<Int, Int, Int>(context, arguments, rows, type,
                                [](Int a, Int b, Int* out) {
                                  if (b == 0) {
                                    return errors::kDivisionByZero.Make({}, "{} % 0", a);
                                  }
                                  // The smallest integer % -1 traps in hardware.
                                  *out = b == -1 ? 0 : a % b;
                                  return Status::OK();
                                });
}

Result<arrow::Datum> Modulo(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
  switch (type->id()) {
    case Type::DECIMAL128:
      return ComputeDecimal<Operator::kModulo>(context, arguments, rows, type);
    case Type::DOUBLE:
      return MapRows<double, double, double>(
          context, arguments, rows, type,
          [](double a, double b, double* out) { *out = std::fmod(a, b); });
    case Type::FLOAT:
      return MapRows<float, float, float>(
          context, arguments, rows, type,
          [](float a, float b, float* out) { *out = std::fmod(a, b); });
    case Type::INT32: return IntegerModulo<int32_t>(context, arguments, rows, type);
    default: return IntegerModulo<int64_t>(context, arguments, rows, type);
  }
}

}  // namespace

Status RegisterArithmetic(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"+",
              {"add"},
              "operator",
              "a + b → number, timestamp, date or interval",
              "Sum. Overflow is an error. TIMESTAMP + INTERVAL moves the time; DATE + "
              "INTEGER adds days.",
              "2 + 3",
              "5"},
      .can_fail = true,
      .bind = BindArithmetic("+"),
      .evaluate = AddOrSubtract<true>}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"-",
              {"subtract"},
              "operator",
              "a - b, -a → number, timestamp, date or interval",
              "Difference, or the negative of one argument. Overflow is an error. "
              "TIMESTAMP - TIMESTAMP is an INTERVAL of days and time; DATE - DATE is a "
              "number of days.",
              "DATE '2024-03-01' - DATE '2024-02-01'",
              "29"},
      .can_fail = true,
      .bind = BindArithmetic("-"),
      .evaluate = Subtract}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"*",
                             {"multiply"},
                             "operator",
                             "a * b → number or interval",
                             "Product. Overflow is an error; DECIMAL scales add up.",
                             "6 * 7",
                             "42"},
                     .can_fail = true,
                     .bind = BindArithmetic("*"),
                     .evaluate = Multiply}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"/",
              {"divide"},
              "operator",
              "a / b → number",
              "Quotient. Of integers it is an integer, cut towards zero, and division by "
              "zero is an error; of DECIMAL and DOUBLE it is a DOUBLE.",
              "7 / 2",
              "3"},
      .can_fail = true,
      .bind = BindArithmetic("/"),
      .evaluate = Divide}));
  return registry.Add(ScalarFunction{
      .doc = {"%",
              {"mod"},
              "operator",
              "a % b, mod(a, b) → number",
              "Remainder with the sign of a. Zero as b is an error, for DOUBLE the "
              "result is NaN.",
              "-7 % 3",
              "-1"},
      .can_fail = true,
      .bind = BindArithmetic("%"),
      .evaluate = Modulo});
}

}  // namespace millrace::functions
