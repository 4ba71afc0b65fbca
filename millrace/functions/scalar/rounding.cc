// ABS, SIGN, ROUND, CEIL, FLOOR, TRUNC.
#include <algorithm>
#include <cmath>

#include <arrow/type_traits.h>

#include "millrace/expr/decimal_double.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;
using expr::Int128;

enum class Rounding { kHalfAway, kUp, kDown, kTowardsZero };

double RoundWhole(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::kHalfAway: return std::round(x);
    case Rounding::kUp: return std::ceil(x);
    case Rounding::kDown: return std::floor(x);
    case Rounding::kTowardsZero: return std::trunc(x);
  }
  return x;
}

// By the exact value of x: 1.005e0 lies below its text and rounds down.
bool RoundExactly(double x, int64_t digits, double* out) {
  Int128 scaled;
  if (digits < 0) {
    // A half of 10^n is a whole number: the fraction decides nothing.
    const auto drop = static_cast<int>(-digits);
    if (drop > 38 || !expr::DoubleToDecimal(std::trunc(x), 0, &scaled)) return false;
    const Int128 power = expr::PowerOfTen(drop);
    scaled = expr::DivideRounded(scaled, power);
    if (__builtin_mul_overflow(scaled, power, &scaled)) return false;
    *out = expr::DecimalToDouble(scaled, 0);
    return true;
  }
  if (digits > 38) return false;
  const auto scale = static_cast<int>(digits);
  // What does not fit 38 digits at this scale has no digits behind them.
  *out =
      expr::DoubleToDecimal(x, scale, &scaled) ? expr::DecimalToDouble(scaled, scale) : x;
  if (*out == 0) *out = std::copysign(0.0, x);
  return true;
}

double RoundAt(double x, int64_t digits, Rounding rounding) {
  if (!std::isfinite(x)) return x;
  double exact;
  if (rounding == Rounding::kHalfAway && RoundExactly(x, digits, &exact)) return exact;
  // Doubles have fewer than 17 decimal digits: further ones change nothing.
  if (digits > 308) return x;
  if (digits < -308) return 0;
  const double power = std::pow(10.0, static_cast<double>(std::abs(digits)));
  const double scaled = digits >= 0 ? x * power : x / power;
  if (!std::isfinite(scaled)) return x;
  const double rounded = RoundWhole(scaled, rounding);
  return digits >= 0 ? rounded / power : rounded * power;
}

Int128 RoundInt128(Int128 value, int dropped_digits, Rounding rounding) {
  if (dropped_digits <= 0) return value;
  if (dropped_digits > 38) return 0;
  const Int128 power = expr::PowerOfTen(dropped_digits);
  if (rounding == Rounding::kHalfAway) return expr::DivideRounded(value, power);
  const Int128 quotient = value / power;
  const Int128 rest = value % power;
  if (rounding == Rounding::kUp && rest > 0) return quotient + 1;
  if (rounding == Rounding::kDown && rest < 0) return quotient - 1;
  return quotient;
}

// The scale of the result of ROUND(decimal, n) must be known when it is bound.
Result<int64_t> DigitsLiteral(const std::string& name, const Types& types,
                              const Literals& literals) {
  if (types.size() == 1) return 0;
  const auto& literal = literals[1];
  if (literal == nullptr || !literal->is_valid || !arrow::is_integer(types[1]->id())) {
    return BadArguments(name, types, "the digits of a DECIMAL must be a constant");
  }
  ARROW_ASSIGN_OR_RAISE(auto wide, literal->CastTo(arrow::int64()));
  return static_cast<const arrow::Int64Scalar&>(*wide).value;
}

Bind BindRounding(std::string name, bool takes_digits) {
  return [=](const Types& types, const Literals& literals) -> Result<Binding> {
    if (types.empty() || types.size() > (takes_digits ? 2u : 1u)) {
      return BadArguments(name, types);
    }
    Types bound = types;
    if (types.size() == 2) {
      if (!FitsImplicitly(types[1], literals[1], arrow::int64())) {
        return BadArguments(name, types);
      }
      bound[1] = arrow::int64();
    }
    const auto id = types[0]->id();
    if (id == Type::DECIMAL128) {
      const auto& decimal = static_cast<const arrow::DecimalType&>(*types[0]);
      ARROW_ASSIGN_OR_RAISE(const int64_t digits, DigitsLiteral(name, types, literals));
      const int scale = static_cast<int>(std::clamp<int64_t>(digits, 0, decimal.scale()));
      // One digit more: 9.9 rounds to 10.
      const int precision =
          std::min(38, decimal.precision() - decimal.scale() + scale + 1);
      return Binding{bound, arrow::decimal128(precision, scale)};
    }
    if (arrow::is_integer(id)) {
      if (types[0]->bit_width() < 32) bound[0] = arrow::int32();
      if (id == Type::UINT32) bound[0] = arrow::int64();
      if (id == Type::UINT64) return BadArguments(name, types);
      return Binding{bound, bound[0]};
    }
    if (arrow::is_floating(id) || id == Type::NA) {
      bound[0] = arrow::float64();
      return Binding{bound, bound[0]};
    }
    return BadArguments(name, types);
  };
}

template <typename Int>
Result<arrow::Datum> RoundIntegers(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type, Rounding rounding) {
  if (arguments.size() == 1) return arguments[0];
  return MapRows<Int, Int, int64_t>(
      context, arguments, rows, type, [=](Int value, int64_t digits, Int* out) {
        *out = value;
        if (digits >= 0) return Status::OK();
        const int drop = static_cast<int>(std::min<int64_t>(-digits, 38));
        const Int128 rounded =
            RoundInt128(value, drop, rounding) * (drop > 19 ? 0 : expr::PowerOfTen(drop));
        *out = static_cast<Int>(rounded);
        if (*out != rounded) {
          return errors::kNumericOverflow.Make({}, "rounding of {}", value);
        }
        return Status::OK();
      });
}

Result<arrow::Datum> RoundDecimals(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type, Rounding rounding) {
  const int from = static_cast<const arrow::DecimalType&>(*arguments[0].type()).scale();
  const auto& target = static_cast<const arrow::DecimalType&>(*type);
  int64_t digits = 0;
  if (arguments.size() == 2) {
    digits = static_cast<const arrow::Int64Scalar&>(*arguments[1].scalar()).value;
  }
  digits = std::clamp<int64_t>(digits, -38, from);
  // Below zero digits the value keeps scale 0 and gets its zeros back.
  const int refill = digits < 0 ? static_cast<int>(-digits) : 0;
  return MapRowsToDecimal<Int128>(
      context, {arguments[0]}, rows, type, [=, &target](Int128 value, Int128* out) {
        *out = RoundInt128(value, from - static_cast<int>(digits), rounding);
        if (refill > 0 && __builtin_mul_overflow(*out, expr::PowerOfTen(refill), out)) {
          return errors::kNumericOverflow.Make({}, "rounding of a DECIMAL");
        }
        if (!expr::FitsDigits(*out, target.precision())) {
          return errors::kNumericOverflow.Make({}, "rounding of a DECIMAL");
        }
        return Status::OK();
      });
}

auto Rounder(Rounding rounding) {
  return [rounding](EvalContext& context, const Arguments& arguments, int64_t rows,
                    const TypePtr& type) -> Result<arrow::Datum> {
    switch (type->id()) {
      case Type::INT32:
        return RoundIntegers<int32_t>(context, arguments, rows, type, rounding);
      case Type::INT64:
        return RoundIntegers<int64_t>(context, arguments, rows, type, rounding);
      case Type::DECIMAL128:
        return RoundDecimals(context, arguments, rows, type, rounding);
      default: break;
    }
    if (arguments.size() == 1) {
      return MapRows<double, double>(
          context, arguments, rows, type,
          [rounding](double x, double* out) { *out = RoundWhole(x, rounding); });
    }
    return MapRows<double, double, int64_t>(
        context, arguments, rows, type,
        [rounding](double x, int64_t digits, double* out) {
          *out = RoundAt(x, digits, rounding);
        });
  };
}

Result<arrow::Datum> Abs(EvalContext& context, const Arguments& arguments, int64_t rows,
                         const TypePtr& type) {
  if (type->id() == Type::DECIMAL128) {
    return MapRowsToDecimal<Int128>(context, arguments, rows, type,
                                    [](Int128 value, Int128* out) {
                                      *out = value < 0 ? -value : value;
                                      return Status::OK();
                                    });
  }
  return CallArrow(context, "abs_checked", arguments);
}

template <typename T>
Result<arrow::Datum> SignOf(EvalContext& context, const Arguments& arguments,
                            int64_t rows) {
  return MapRows<int32_t, T>(context, arguments, rows, arrow::int32(),
                             [](T value, int32_t* out) {
                               *out = value > 0 ? 1 : value < 0 ? -1 : 0;
                             });
}

Result<arrow::Datum> Sign(EvalContext& context, const Arguments& arguments, int64_t rows,
                          const TypePtr&) {
  switch (arguments[0].type()->id()) {
    case Type::INT32: return SignOf<int32_t>(context, arguments, rows);
    case Type::INT64: return SignOf<int64_t>(context, arguments, rows);
    case Type::DECIMAL128: return SignOf<Int128>(context, arguments, rows);
    default: return SignOf<double>(context, arguments, rows);
  }
}

Bind BindSign() {
  return [](const Types& types, const Literals& literals) -> Result<Binding> {
    ARROW_ASSIGN_OR_RAISE(Binding binding, BindRounding("sign", false)(types, literals));
    binding.result = arrow::int32();
    return binding;
  };
}

Bind BindAbs() {
  return [](const Types& types, const Literals& literals) -> Result<Binding> {
    ARROW_ASSIGN_OR_RAISE(Binding binding, BindRounding("abs", false)(types, literals));
    binding.result = binding.argument_types[0];
    return binding;
  };
}

}  // namespace

Status RegisterRounding(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"abs",
              {},
              "math",
              "abs(x) → type of x",
              "Magnitude. The smallest integer of a type has none: an error.",
              "abs(-3)",
              "3"},
      .can_fail = true,
      .bind = BindAbs(),
      .evaluate = Abs}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{.doc = {"sign",
                                                          {},
                                                          "math",
                                                          "sign(x) → integer",
                                                          "-1, 0 or 1; 0 for NaN.",
                                                          "sign(-7)",
                                                          "-1"},
                                                  .bind = BindSign(),
                                                  .evaluate = Sign}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"round",
              {},
              "math",
              "round(x [, digits]) → type of x",
              "Nearest value with that many digits after the point, halves away from "
              "zero. Negative digits round before the point.",
              "round(2.567, 2)",
              "2.57"},
      .can_fail = true,
      .bind = BindRounding("round", true),
      .evaluate = Rounder(Rounding::kHalfAway)}));
  ARROW_RETURN_NOT_OK(
      registry.Add(ScalarFunction{.doc = {"trunc",
                                          {"truncate"},
                                          "math",
                                          "trunc(x [, digits]) → type of x",
                                          "Cut towards zero after that many digits.",
                                          "trunc(-2.7)",
                                          "-2"},
                                  .can_fail = true,
                                  .bind = BindRounding("trunc", true),
                                  .evaluate = Rounder(Rounding::kTowardsZero)}));
  ARROW_RETURN_NOT_OK(
      registry.Add(ScalarFunction{.doc = {"ceil",
                                          {"ceiling"},
                                          "math",
                                          "ceil(x) → type of x",
                                          "Smallest whole number not below x.",
                                          "ceil(1.2)",
                                          "2"},
                                  .can_fail = true,
                                  .bind = BindRounding("ceil", false),
                                  .evaluate = Rounder(Rounding::kUp)}));
  return registry.Add(ScalarFunction{.doc = {"floor",
                                             {},
                                             "math",
                                             "floor(x) → type of x",
                                             "Largest whole number not above x.",
                                             "floor(-1.2)",
                                             "-2"},
                                     .can_fail = true,
                                     .bind = BindRounding("floor", false),
                                     .evaluate = Rounder(Rounding::kDown)});
}

}  // namespace millrace::functions
