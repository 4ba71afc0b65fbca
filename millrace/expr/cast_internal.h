// What the parts of CAST share.
#pragma once

#include <memory>
#include <string>

#include <arrow/api.h>
#include <arrow/type_traits.h>

#include "millrace/expr/decimal_math.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

using ArrayPtr = std::shared_ptr<arrow::Array>;

struct CastPlan {
  TypePtr to;
  bool lenient;
  const std::string& what;
  EvalContext& context;
};

/// The value in `row` does not fit.
Status BadValue(const arrow::Array& values, int64_t row, const CastPlan& plan);
/// There is no cast from `from`.
Status NoCast(const arrow::DataType& from, const CastPlan& plan);

/// By Arrow's kernel: fails with Arrow's own error.
Result<ArrayPtr> ArrowCast(const ArrayPtr& values, const TypePtr& to,
                           EvalContext& context);
/// By Arrow's kernel, with our errors, and NULLs where lenient.
Result<ArrayPtr> CastByArrow(const ArrayPtr& values, const CastPlan& plan);

/// VARCHAR of anything.
Result<ArrayPtr> CastToText(const ArrayPtr& values, const CastPlan& plan);
/// Anything of VARCHAR (utf8).
Result<ArrayPtr> CastFromText(const ArrayPtr& values, const CastPlan& plan);

/// Append the text of a value that is not NULL, as CAST to VARCHAR writes it.
Status AppendValue(const arrow::Array& values, int64_t row, std::string* out);

/// Parts of a second in a unit.
constexpr int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1'000;
    case arrow::TimeUnit::MICRO: return 1'000'000;
    case arrow::TimeUnit::NANO: return 1'000'000'000;
  }
  return 1;
}

/// Value by value: convert(row, out) says whether the value fits.
template <typename ArrowType, typename Convert>
Result<ArrayPtr> CastRows(const arrow::Array& values, const CastPlan& plan,
                          const Convert& convert) {
  using Builder = typename arrow::TypeTraits<ArrowType>::BuilderType;
  Builder builder(plan.to, plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  for (int64_t row = 0; row < values.length(); ++row) {
    typename ArrowType::c_type out{};
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
    } else if (convert(row, &out)) {
      builder.UnsafeAppend(out);
    } else if (plan.lenient) {
      builder.UnsafeAppendNull();
    } else {
      return BadValue(values, row, plan);
    }
  }
  return builder.Finish();
}

/// As CastRows, for DECIMAL128; checks the digits.
template <typename Convert>
Result<ArrayPtr> CastRowsToDecimal(const arrow::Array& values, const CastPlan& plan,
                                   const Convert& convert) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*plan.to);
  arrow::Decimal128Builder builder(plan.to, plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  for (int64_t row = 0; row < values.length(); ++row) {
    Int128 out = 0;
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
    } else if (convert(row, &out) && FitsDigits(out, type.precision())) {
      builder.UnsafeAppend(
          arrow::Decimal128(static_cast<int64_t>(out >> 64), static_cast<uint64_t>(out)));
    } else if (plan.lenient) {
      builder.UnsafeAppendNull();
    } else {
      return BadValue(values, row, plan);
    }
  }
  return builder.Finish();
}

}  // namespace millrace::expr
