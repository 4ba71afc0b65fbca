#include <algorithm>
#include <cmath>
#include <optional>

#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/expr/evaluate.h"
#include "millrace/sql/predicate_internal.h"

namespace millrace::sql {

using data::Predicate;
using data::PredicatePtr;
using expr::Expr;
using expr::ExprKind;
using expr::ExprPtr;
using Comparison = Predicate::Comparison;

namespace {

std::optional<Comparison> ComparisonOf(const std::string& name) {
  if (name == "=") return Comparison::kEqual;
  if (name == "<>") return Comparison::kNotEqual;
  if (name == "<") return Comparison::kLess;
  if (name == "<=") return Comparison::kLessEqual;
  if (name == ">") return Comparison::kGreater;
  if (name == ">=") return Comparison::kGreaterEqual;
  return std::nullopt;
}

Comparison Mirrored(Comparison comparison) {
  switch (comparison) {
    case Comparison::kLess: return Comparison::kGreater;
    case Comparison::kLessEqual: return Comparison::kGreaterEqual;
    case Comparison::kGreater: return Comparison::kLess;
    case Comparison::kGreaterEqual: return Comparison::kLessEqual;
    default: return comparison;
  }
}

bool IsExactNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_decimal(type.id());
}

// The column below `side`, which may be cast to a type that holds all of its values.
const Expr* ColumnBelow(const Expr& side) {
  if (side.kind() == ExprKind::kColumn) return &side;
  if (side.kind() != ExprKind::kCast || side.lenient()) return nullptr;
  const Expr& inner = *side.children()[0];
  if (inner.kind() != ExprKind::kColumn) return nullptr;
  const bool exact = IsExactNumber(*inner.type()) && IsExactNumber(*side.type());
  const bool wider_float = inner.type()->id() == arrow::Type::FLOAT &&
                           side.type()->id() == arrow::Type::DOUBLE;
  return exact || wider_float ? &inner : nullptr;
}

// `value` in the type of the column, when nothing is lost on the way.
std::shared_ptr<arrow::Scalar> ValueAs(const ExprPtr& value, const expr::TypePtr& type,
                                       const RuleContext& context) {
  if (value->kind() != ExprKind::kLiteral || !value->literal()->is_valid) return nullptr;
  if (value->type()->Equals(*type)) return value->literal();
  const auto there =
      expr::FoldConstants(Expr::Cast(value, type, true), context.evaluation);
  if (!there.ok() || (*there)->kind() != ExprKind::kLiteral ||
      !(*there)->literal()->is_valid) {
    return nullptr;
  }
  const auto back =
      expr::FoldConstants(Expr::Cast(*there, value->type(), true), context.evaluation);
  if (!back.ok() || (*back)->kind() != ExprKind::kLiteral ||
      !(*back)->literal()->Equals(*value->literal())) {
    return nullptr;
  }
  return (*there)->literal();
}

// Statistics of files leave NaN out, while here it is greater than every number: a source
// that trusts its maximum would drop rows that pass.
bool MayMissNaN(const arrow::DataType& type, Comparison comparison) {
  return arrow::is_floating(type.id()) &&
         (comparison == Comparison::kGreater || comparison == Comparison::kGreaterEqual ||
          comparison == Comparison::kNotEqual);
}

bool IsNaN(const arrow::Scalar& value) {
  if (value.type->id() == arrow::Type::DOUBLE) {
    return std::isnan(static_cast<const arrow::DoubleScalar&>(value).value);
  }
  return value.type->id() == arrow::Type::FLOAT &&
         std::isnan(static_cast<const arrow::FloatScalar&>(value).value);
}

bool ReadsFloat(const Expr& expression) {
  if (expression.kind() == ExprKind::kColumn) {
    return arrow::is_floating(expression.type()->id());
  }
  return std::any_of(expression.children().begin(), expression.children().end(),
                     [](const ExprPtr& child) { return ReadsFloat(*child); });
}

PredicatePtr Compare(const ExprPtr& side, Comparison comparison, const ExprPtr& value,
                     const RuleContext& context) {
  const Expr* column = ColumnBelow(*side);
  if (column == nullptr || MayMissNaN(*column->type(), comparison)) return nullptr;
  auto scalar = ValueAs(value, column->type(), context);
  if (scalar == nullptr || IsNaN(*scalar)) return nullptr;
  auto out = std::make_shared<Predicate>();
  out->kind = Predicate::Kind::kCompare;
  out->column = column->name();
  out->comparison = comparison;
  out->values = {std::move(scalar)};
  return out;
}

PredicatePtr In(const Expr& call, const RuleContext& context) {
  const Expr* column = ColumnBelow(*call.children()[0]);
  if (column == nullptr) return nullptr;
  auto out = std::make_shared<Predicate>();
  out->kind = Predicate::Kind::kIn;
  out->column = column->name();
  for (size_t i = 1; i < call.children().size(); ++i) {
    auto scalar = ValueAs(call.children()[i], column->type(), context);
    if (scalar == nullptr || IsNaN(*scalar)) return nullptr;
    out->values.push_back(std::move(scalar));
  }
  return out;
}

PredicatePtr Children(Predicate::Kind kind, const Expr& call,
                      const RuleContext& context) {
  auto out = std::make_shared<Predicate>();
  out->kind = kind;
  for (const ExprPtr& child : call.children()) {
    PredicatePtr converted = ToPredicate(child, context);
    if (converted == nullptr) return nullptr;
    out->children.push_back(std::move(converted));
  }
  return out;
}

PredicatePtr NullTest(const Expr& call, bool negated) {
  const Expr& column = *call.children()[0];
  if (column.kind() != ExprKind::kColumn) return nullptr;
  auto test = std::make_shared<Predicate>();
  test->kind = Predicate::Kind::kIsNull;
  test->column = column.name();
  if (!negated) return test;
  auto out = std::make_shared<Predicate>();
  out->kind = Predicate::Kind::kNot;
  out->children = {std::move(test)};
  return out;
}

// LIKE 'abc%' with nothing else special in the pattern.
PredicatePtr Prefix(const Expr& call) {
  const Expr& column = *call.children()[0];
  const Expr& pattern = *call.children()[1];
  if (call.children().size() != 2 || column.kind() != ExprKind::kColumn ||
      pattern.kind() != ExprKind::kLiteral || !pattern.literal()->is_valid ||
      column.type()->id() != arrow::Type::STRING) {
    return nullptr;
  }
  std::string text = pattern.literal()->ToString();
  if (text.find_first_of("%_\\") != text.size() - 1 || text.back() != '%') return nullptr;
  text.pop_back();
  if (text.empty()) return nullptr;
  auto out = std::make_shared<Predicate>();
  out->kind = Predicate::Kind::kPrefix;
  out->column = column.name();
  out->values = {std::make_shared<arrow::StringScalar>(std::move(text))};
  return out;
}

}  // namespace

PredicatePtr ToPredicate(const ExprPtr& condition, const RuleContext& context) {
  if (condition->kind() != ExprKind::kCall) return nullptr;
  const std::string& name = condition->function()->doc.name;
  const auto& arguments = condition->children();
  if (std::optional<Comparison> comparison = ComparisonOf(name)) {
    if (arguments[1]->kind() == ExprKind::kLiteral) {
      return Compare(arguments[0], *comparison, arguments[1], context);
    }
    return Compare(arguments[1], Mirrored(*comparison), arguments[0], context);
  }
  if (name == "and") return Children(Predicate::Kind::kAnd, *condition, context);
  if (name == "or") return Children(Predicate::Kind::kOr, *condition, context);
  if (name == "not" && !ReadsFloat(*condition)) {
    return Children(Predicate::Kind::kNot, *condition, context);
  }
  if (name == "in") return In(*condition, context);
  if (name == "is_null") return NullTest(*condition, false);
  if (name == "is_not_null") return NullTest(*condition, true);
  if (name == "like") return Prefix(*condition);
  return nullptr;
}

}  // namespace millrace::sql
