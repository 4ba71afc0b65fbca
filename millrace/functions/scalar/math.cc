// Elementary functions of DOUBLE.
#include <cmath>
#include <numbers>

#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

struct UnaryMath {
  const char* name;
  double (*compute)(double);
  /// Where the function is defined; null: everywhere. NaN goes through to NaN.
  bool (*defined)(double);
  const char* description;
  const char* example;
  const char* result;
};

bool NotNegative(double x) { return !(x < 0); }
bool Positive(double x) { return !(x <= 0); }
bool WithinOne(double x) { return !(x < -1 || x > 1); }
bool Finite(double x) { return !std::isinf(x); }

constexpr UnaryMath kUnary[] = {
    {"sqrt", [](double x) { return std::sqrt(x); }, NotNegative,
     "Square root. An error below zero.", "sqrt(9)", "3"},
    {"cbrt", [](double x) { return std::cbrt(x); }, nullptr, "Cube root.", "cbrt(8)",
     "2"},
    {"exp", [](double x) { return std::exp(x); }, nullptr, "e to the power of x.",
     "exp(0)", "1"},
    {"ln", [](double x) { return std::log(x); }, Positive,
     "Natural logarithm. An error at or below zero.", "ln(1)", "0"},
    {"log10", [](double x) { return std::log10(x); }, Positive,
     "Logarithm to base 10. An error at or below zero.", "log10(1000)", "3"},
    {"log2", [](double x) { return std::log2(x); }, Positive,
     "Logarithm to base 2. An error at or below zero.", "log2(8)", "3"},
    {"sin", [](double x) { return std::sin(x); }, Finite, "Sine of x radians.", "sin(0)",
     "0"},
    {"cos", [](double x) { return std::cos(x); }, Finite, "Cosine of x radians.",
     "cos(0)", "1"},
    {"tan", [](double x) { return std::tan(x); }, Finite, "Tangent of x radians.",
     "tan(0)", "0"},
    {"asin", [](double x) { return std::asin(x); }, WithinOne,
     "Arc sine in radians. An error outside -1 … 1.", "asin(0)", "0"},
    {"acos", [](double x) { return std::acos(x); }, WithinOne,
     "Arc cosine in radians. An error outside -1 … 1.", "acos(1)", "0"},
    {"atan", [](double x) { return std::atan(x); }, nullptr, "Arc tangent in radians.",
     "atan(0)", "0"},
    {"degrees", [](double x) { return x * (180 / std::numbers::pi); }, nullptr,
     "Radians to degrees.", "degrees(0)", "0"},
    {"radians", [](double x) { return x * (std::numbers::pi / 180); }, nullptr,
     "Degrees to radians.", "radians(0)", "0"},
};

Status OutOfDomain(const char* name, double x) {
  return errors::kOutOfDomain.Make({}, "{}({})", name, x);
}

Status AddUnary(FunctionRegistry& registry, const UnaryMath& math) {
  ScalarFunction function{
      .doc = {math.name,
              {},
              "math",
              std::string(math.name) + "(x) → double",
              math.description,
              math.example,
              math.result},
      .can_fail = math.defined != nullptr,
      .bind = Overloads(math.name, {{{arrow::float64()}, arrow::float64()}}),
      .evaluate = [&math](EvalContext& context, const Arguments& arguments, int64_t rows,
                          const TypePtr& type) {
        return MapRows<double, double>(
            context, arguments, rows, type, [&math](double x, double* out) {
              if (math.defined != nullptr && !math.defined(x)) {
                return OutOfDomain(math.name, x);
              }
              *out = math.compute(x);
              return Status::OK();
            });
      }};
  return registry.Add(std::move(function));
}

// log(x) is base 10, log(base, x) any.
Result<arrow::Datum> Log(EvalContext& context, const Arguments& arguments, int64_t rows,
                         const TypePtr& type) {
  if (arguments.size() == 1) {
    return MapRows<double, double>(context, arguments, rows, type,
                                   [](double x, double* out) {
                                     if (!Positive(x)) return OutOfDomain("log", x);
                                     *out = std::log10(x);
                                     return Status::OK();
                                   });
  }
  return MapRows<double, double, double>(context, arguments, rows, type,
                                         [](double base, double x, double* out) {
                                           if (!Positive(x)) return OutOfDomain("log", x);
                                           if (!Positive(base) || base == 1)
                                             return OutOfDomain("log", base);
                                           *out = std::log(x) / std::log(base);
                                           return Status::OK();
                                         });
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
              "Logarithm to base 10, or to the base given first. An error at or below "
              "zero.",
              "log(2, 8)",
              "3"},
      .can_fail = true,
      .bind = Overloads("log", {{{real}, real}, {{real, real}, real}}),
      .evaluate = Log}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"power",
              {"pow"},
              "math",
              "power(x, y) → double",
              "x to the power of y.",
              "power(2, 10)",
              "1024"},
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
              "0"},
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
