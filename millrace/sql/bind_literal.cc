// Literals: numbers take the narrowest type that holds them, from INTEGER up.
#include <charconv>

#include <arrow/buffer.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>

#include "millrace/expr/evaluate.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/expression_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;

namespace {

Status BadLiteral(Location where, std::string_view text, std::string_view what) {
  return errors::kSqlBadLiteral.Make(where.ToWhere(), "{} is no {}", text, what);
}

Result<ExprPtr> DecimalLiteral(const std::string& text, Location where) {
  arrow::Decimal128 value;
  int32_t precision = 0;
  int32_t scale = 0;
  if (!arrow::Decimal128::FromString(text, &value, &precision, &scale).ok() ||
      precision > 38 || scale > precision) {
    return BadLiteral(where, text, "number of at most 38 digits");
  }
  return Expr::Literal(std::make_shared<arrow::Decimal128Scalar>(
      value, arrow::decimal128(std::max(precision, 1), scale)));
}

Result<ExprPtr> IntegerLiteral(const std::string& text, Location where) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return DecimalLiteral(text, where);
  if (value >= std::numeric_limits<int32_t>::min() &&
      value <= std::numeric_limits<int32_t>::max()) {
    return Expr::Literal(
        std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(value)));
  }
  return Expr::Literal(std::make_shared<arrow::Int64Scalar>(value));
}

Result<ExprPtr> IntervalLiteral(const Interval& interval, Location where) {
  const auto months = static_cast<int32_t>(interval.months);
  const auto days = static_cast<int32_t>(interval.days);
  if (months != interval.months || days != interval.days) {
    return BadLiteral(where, IntervalToSql(interval), "interval that fits");
  }
  return Expr::Literal(std::make_shared<arrow::MonthDayNanoIntervalScalar>(
      arrow::MonthDayNanoIntervalType::MonthDayNanos{months, days, interval.nanos}));
}

// Reads the text as CAST does, but now, so that a mistake shows at its place.
Result<ExprPtr> CastLiteral(const std::string& text, expr::TypePtr type,
                            std::string_view what, Location where,
                            const PlannerContext& context) {
  ExprPtr cast =
      Expr::Cast(Expr::Literal(std::make_shared<arrow::StringScalar>(text)), type);
  ARROW_ASSIGN_OR_RAISE(ExprPtr folded, expr::FoldConstants(cast, *context.evaluation));
  if (folded->kind() != expr::ExprKind::kLiteral) {
    return BadLiteral(where, QuoteString(text), what);
  }
  return folded;
}

std::string BytesOf(const std::string& digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

}  // namespace

Result<ExprPtr> BindLiteral(const Literal& literal, bool negative, Location where,
                            const PlannerContext& context) {
  const std::string text = (negative ? "-" : "") + literal.text;
  switch (literal.kind) {
    case Literal::Kind::kNull:
      return Expr::Literal(std::make_shared<arrow::NullScalar>());
    case Literal::Kind::kBoolean:
      return Expr::Literal(std::make_shared<arrow::BooleanScalar>(text == "TRUE"));
    case Literal::Kind::kInteger: return IntegerLiteral(text, where);
    case Literal::Kind::kDecimal: return DecimalLiteral(text, where);
    case Literal::Kind::kFloat: {
      double value = 0;
      const char* end = text.data() + text.size();
      if (std::from_chars(text.data(), end, value).ec != std::errc()) {
        return BadLiteral(where, text, "DOUBLE: it is too large or too small");
      }
      return Expr::Literal(std::make_shared<arrow::DoubleScalar>(value));
    }
    case Literal::Kind::kString:
      return Expr::Literal(std::make_shared<arrow::StringScalar>(text));
    case Literal::Kind::kBytes:
      return Expr::Literal(std::make_shared<arrow::BinaryScalar>(BytesOf(text)));
    case Literal::Kind::kDate:
      return CastLiteral(text, arrow::date32(), "DATE", where, context);
    case Literal::Kind::kTime:
      return CastLiteral(text, arrow::time64(arrow::TimeUnit::MICRO), "TIME", where,
                         context);
    case Literal::Kind::kTimestamp:
      return CastLiteral(text, arrow::timestamp(arrow::TimeUnit::MICRO), "TIMESTAMP",
                         where, context);
    case Literal::Kind::kTimestampTz:
      return CastLiteral(text, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                         "TIMESTAMP WITH TIME ZONE", where, context);
    case Literal::Kind::kInterval: return IntervalLiteral(literal.interval, where);
  }
  return BadLiteral(where, text, "literal");
}

}  // namespace millrace::sql
