// Elementary functions of DOUBLE. Outside its domain a function gives NaN, as IEEE 754
// has it.
#include <cmath>
#include <numbers>

#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

struct UnaryMath {
  const char* name;
  double (*compute)(double);
  const char* description;
  const char* example;
  const char* result;
};

constexpr UnaryMath kUnary[] = {
    {"sqrt", [](double x) { return std::sqrt(x); }, "Square root. NaN below zero.",
     "sqrt(9)", "3.0"},
    {"cbrt", [](double x) { return std::cbrt(x); }, "Cube root.", "cbrt(8)", "2.0"},
    {"exp", [](double x) { return std::exp(x); }, "e to the power of x.", "exp(0)",
     "1.0"},
    {"ln", [](double x) { return std::log(x); },
     "Natural logarithm. -inf of zero, NaN below.", "ln(1)", "0.0"},
    {"log10", [](double x) { return std::log10(x); },
     "Logarithm to base 10. -inf of zero, NaN below.", "log10(1000)", "3.0"},
    {"log2", [](double x) { return std::log2(x); },
     "Logarithm to base 2. -inf of zero, NaN below.", "log2(8)", "3.0"},
    {"sin", [](double x) { return std::sin(x); }, "Sine of x radians.", "sin(0)", "0.0"},
    {"cos", [](double x) { return std::cos(x); }, "Cosine of x radians.", "cos(0)",
     "1.0"},
    {"tan", [](double x) { return std::tan(x); }, "Tangent of x radians.", "tan(0)",
     "0.0"},
    {"asin", [](double x) { return std::asin(x); },
     "Arc sine in radians. NaN outside -1 … 1.", "asin(0)", "0.0"},
    {"acos", [](double x) { return std::acos(x); },
     "Arc cosine in radians. NaN outside -1 … 1.", "acos(1)", "0.0"},
    {"atan", [](double x) { return std::atan(x); }, "Arc tangent in radians.", "atan(0)",
     "0.0"},
    {"degrees", [](double x) { return x * (180 / std::numbers::pi); },
     "Radians to degrees.", "degrees(0)", "0.0"},
    {"radians", [](double x) { return x * (std::numbers::pi / 180); },
     "Degrees to radians.", "radians(0)", "0.0"},
};

Status AddUnary(FunctionRegistry& registry, const UnaryMath& math) {
  ScalarFunction function{
      .doc = {math.name,
              {},
              "math",
              std::string(math.name) + "(x) → double",
              math.description,
              math.example,
              math.result},
      .bind = Overloads(math.name, {{{arrow::float64()}, arrow::float64()}}),
      .evaluate = [&math](EvalContext& context, const Arguments& arguments, int64_t rows,
                          const TypePtr& type) {
        return MapRows<double, double>(
            context, arguments, rows, type,
            [&math](double x, double* out) { *out = math.compute(x); });
      }};
  return registry.Add(std::move(function));
}

// log(x) is base 10, log(base, x) any.
Result<arrow::Datum> Log(EvalContext& context, const Arguments& arguments, int64_t rows,
                         const TypePtr& type) {
  if (arguments.size() == 1) {
    return MapRows<double, double>(context, arguments, rows, type,
                                   [](double x, double* out) { *out = std::log10(x); });
  }
  return MapRows<double, double, double>(
      context, arguments, rows, type,
      [](double base, double x, double* out) { *out = std::log(x) / std::log(base); });
}

}  // namespace

Status RegisterMath(FunctionRegistry& registry) {
  const auto real = arrow::float64();
  for (const UnaryMath& math : kUnary) {
    ARROW_RETURN_NOT_OK(AddUnary(registry, math));
  }
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"log",
              {},
              "math",
              "log(x) → double, log(base, x) → double",
              "Logarithm to base 10, or to the base given first. -inf of zero, NaN "
              "below.",
              "log(2, 8)",
              "3.0"},
      .bind = Overloads("log", {{{real}, real}, {{real, real}, real}}),
      .evaluate = Log}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"power",
              {"pow"},
              "math",
              "power(x, y) → double",
              "x to the power of y.",
              "power(2, 10)",
              "1024.0"},
      .bind = Overloads("power", {{{real, real}, real}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<double, double, double>(
            context, arguments, rows, type,
            [](double x, double y, double* out) { *out = std::pow(x, y); });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"atan2",
              {},
              "math",
              "atan2(y, x) → double",
              "Angle of the point (x, y) in radians.",
              "atan2(0, 1)",
              "0.0"},
      .bind = Overloads("atan2", {{{real, real}, real}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<double, double, double>(
            context, arguments, rows, type,
            [](double y, double x, double* out) { *out = std::atan2(y, x); });
      }}));
  return registry.Add(ScalarFunction{
      .doc = {"pi",
              {},
              "math",
              "pi() → double",
              "The circle's constant.",
              "round(pi(), 4)",
              "3.1416"},
      .bind = Overloads("pi", {{{}, real}}),
      .evaluate = [](EvalContext&, const Arguments&, int64_t, const TypePtr&)
          -> Result<arrow::Datum> { return arrow::Datum(std::numbers::pi); }});
}

}  // namespace millrace::functions
