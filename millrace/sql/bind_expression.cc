// Names, operators and calls.
#include <algorithm>
#include <string_view>

#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/data/type_name.h"
#include "millrace/expr/evaluate.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/over_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;

namespace {

// The function behind an operator; empty where a special form is needed.
std::string FunctionOf(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd: return "+";
    case BinaryOp::kSubtract: return "-";
    case BinaryOp::kMultiply: return "*";
    case BinaryOp::kDivide: return "/";
    case BinaryOp::kModulo: return "%";
    case BinaryOp::kConcat: return "||";
    case BinaryOp::kEqual: return "=";
    case BinaryOp::kNotEqual: return "<>";
    case BinaryOp::kLess: return "<";
    case BinaryOp::kLessEqual: return "<=";
    case BinaryOp::kGreater: return ">";
    case BinaryOp::kGreaterEqual: return ">=";
    case BinaryOp::kDistinct: return "is_distinct_from";
    case BinaryOp::kNotDistinct: return "is_not_distinct_from";
    case BinaryOp::kMatch:
    case BinaryOp::kNotMatch:
    case BinaryOp::kMatchInsensitive:
    case BinaryOp::kNotMatchInsensitive: return "regexp_matches";
    case BinaryOp::kAtTimeZone: return "timezone";
    case BinaryOp::kJsonGet: return "json_extract";
    case BinaryOp::kJsonGetText: return "json_extract_string";
  }
  return "";
}

}  // namespace

// What the user wrote, on every node whose evaluation may speak of it.
ExprPtr WithSource(ExprPtr bound, const Expression& expression) {
  if (bound->source() != nullptr && bound->kind() != expr::ExprKind::kColumn) {
    return bound;
  }
  switch (bound->kind()) {
    case expr::ExprKind::kCase: return bound;
    case expr::ExprKind::kCall:
      if (!bound->function()->can_fail) return bound;
      break;
    case expr::ExprKind::kLiteral:
    case expr::ExprKind::kColumn:
    case expr::ExprKind::kCast: break;
  }
  return bound->WithSource(std::make_shared<const expr::Source>(
      expr::Source{ToSql(expression), expression.where.line, expression.where.column}));
}

// One overload per node of the syntax tree.
struct NodeBinder {
  ExpressionBinder& binder;
  Location where;
  const Expression& self;

  using Bound = Result<ExprPtr>;

  Bound Negate(Bound value, bool negated) {
    if (!negated || !value.ok()) return value;
    return binder.Call(where, "not", {*value});
  }

  Bound operator()(const Literal& node) {
    return BindLiteral(node, false, where, binder.context_);
  }
  Bound operator()(const Name& node) { return binder.BindPath(node.path); }
  Bound operator()(const Star&) {
    return errors::kSqlSyntax.Make(where.ToWhere(),
                                   "* stands for columns in SELECT and COUNT(*) only");
  }
  Bound operator()(const Unary& node) {
    if (node.op == Unary::Op::kMinus) {
      // The least integer can't be written without its sign.
      const auto* literal = node.operand->As<Literal>();
      if (literal != nullptr && (literal->kind == Literal::Kind::kInteger ||
                                 literal->kind == Literal::Kind::kDecimal)) {
        return BindLiteral(*literal, true, where, binder.context_);
      }
    }
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    switch (node.op) {
      case Unary::Op::kPlus: return operand;
      case Unary::Op::kMinus: return binder.Call(where, "-", {std::move(operand)});
      case Unary::Op::kNot: return binder.Call(where, "not", {std::move(operand)});
    }
    return operand;
  }
  Bound operator()(const Binary& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, binder.Bind(*node.left));
    ARROW_ASSIGN_OR_RAISE(ExprPtr right, binder.Bind(*node.right));
    const std::string name = FunctionOf(node.op);
    const bool json = node.op == BinaryOp::kJsonGet || node.op == BinaryOp::kJsonGetText;
    if (json && binder.context_.functions->FindScalar(name) == nullptr) {
      return NotSupported(where, "the operator -> on JSON");
    }
    std::vector<ExprPtr> arguments{std::move(left), std::move(right)};
    const bool insensitive = node.op == BinaryOp::kMatchInsensitive ||
                             node.op == BinaryOp::kNotMatchInsensitive;
    if (insensitive) {
      arguments.push_back(Expr::Literal(std::make_shared<arrow::StringScalar>("i")));
    }
    const bool negated =
        node.op == BinaryOp::kNotMatch || node.op == BinaryOp::kNotMatchInsensitive;
    return Negate(binder.Call(where, name, std::move(arguments)), negated);
  }
  Bound operator()(const Logical& node) {
    std::vector<ExprPtr> terms;
    for (const ExpressionPtr& term : node.terms) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*term));
      terms.push_back(std::move(bound));
    }
    // Pairs of pairs: thousands of terms stay a shallow tree, in the same order.
    const std::string name = node.conjunction ? "and" : "or";
    while (terms.size() > 1) {
      std::vector<ExprPtr> pairs;
      for (size_t i = 0; i + 1 < terms.size(); i += 2) {
        ARROW_ASSIGN_OR_RAISE(ExprPtr pair,
                              binder.Call(where, name, {terms[i], terms[i + 1]}));
        pairs.push_back(std::move(pair));
      }
      if (terms.size() % 2 == 1) pairs.push_back(terms.back());
      terms = std::move(pairs);
    }
    return terms[0];
  }
  Bound operator()(const IsTest& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    if (node.what == IsTest::What::kNull || node.what == IsTest::What::kUnknown) {
      return binder.Call(where, node.negated ? "is_not_null" : "is_null",
                         {std::move(operand)});
    }
    // Never NULL: NULL IS TRUE is false.
    ExprPtr truth = Expr::Literal(
        std::make_shared<arrow::BooleanScalar>(node.what == IsTest::What::kTrue));
    return binder.Call(where, node.negated ? "is_distinct_from" : "is_not_distinct_from",
                       {std::move(operand), std::move(truth)});
  }
  Bound operator()(const LikeTest& node) {
    std::vector<ExprPtr> arguments;
    for (const ExpressionPtr& part : {node.operand, node.pattern, node.escape}) {
      if (part == nullptr) continue;
      ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*part));
      arguments.push_back(std::move(bound));
    }
    return Negate(
        binder.Call(where, node.ignore_case ? "ilike" : "like", std::move(arguments)),
        node.negated);
  }
  // As two comparisons, so that each can be pushed to a source on its own.
  Bound operator()(const BetweenTest& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    ARROW_ASSIGN_OR_RAISE(ExprPtr low, binder.Bind(*node.low));
    ARROW_ASSIGN_OR_RAISE(ExprPtr high, binder.Bind(*node.high));
    ARROW_ASSIGN_OR_RAISE(ExprPtr above,
                          binder.Call(where, ">=", {operand, std::move(low)}));
    ARROW_ASSIGN_OR_RAISE(ExprPtr below,
                          binder.Call(where, "<=", {operand, std::move(high)}));
    return Negate(binder.Call(where, "and", {std::move(above), std::move(below)}),
                  node.negated);
  }
  Bound operator()(const InTest& node) {
    if (node.query != nullptr) {
      return NotSupported(where, "IN (SELECT …) other than as a condition of WHERE");
    }
    std::vector<ExprPtr> arguments;
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    arguments.push_back(std::move(operand));
    for (const ExpressionPtr& item : node.list) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*item));
      arguments.push_back(std::move(bound));
    }
    return Negate(binder.Call(where, "in", std::move(arguments)), node.negated);
  }
  Bound operator()(const ExistsTest&) { return NotSupported(where, "EXISTS"); }
  Bound operator()(const QuantifiedTest& node) {
    return NotSupported(where, node.all ? "ALL (SELECT …)" : "ANY (SELECT …)");
  }
  Bound operator()(const ScalarQuery&) {
    return NotSupported(where, "a query as a value");
  }
  Bound operator()(const CaseOf& node) { return binder.BindCase(node, where); }
  Bound operator()(const CastTo& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    return Expr::Cast(std::move(operand), node.type.type, node.lenient);
  }
  Bound operator()(const FunctionCall& node) { return binder.BindCall(node, self); }
  Bound operator()(const ArrayOf& node) {
    std::vector<ExprPtr> values;
    for (const ExpressionPtr& element : node.elements) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*element));
      values.push_back(std::move(bound));
    }
    return binder.Call(where, "array_value", std::move(values));
  }
  Bound operator()(const MapOf& node) {
    std::vector<ExprPtr> entries;
    for (const auto& [key, value] : node.entries) {
      for (const ExpressionPtr& part : {key, value}) {
        ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*part));
        entries.push_back(std::move(bound));
      }
    }
    return binder.Call(where, "map_value", std::move(entries));
  }
  Bound operator()(const StructOf& node) {
    std::vector<ExprPtr> fields;
    for (const auto& [name, value] : node.fields) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*value));
      fields.push_back(Expr::Literal(std::make_shared<arrow::StringScalar>(name.text)));
      fields.push_back(std::move(bound));
    }
    return binder.Call(where, "named_struct", std::move(fields));
  }
  Bound operator()(const Subscript& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    ARROW_ASSIGN_OR_RAISE(ExprPtr index, binder.Bind(*node.index));
    const arrow::Type::type id = operand->type()->id();
    const char* function = id == arrow::Type::MAP      ? "map_extract"
                           : id == arrow::Type::STRUCT ? "struct_extract"
                                                       : "array_extract";
    return binder.Call(where, function, {std::move(operand), std::move(index)});
  }
  Bound operator()(const FieldOf& node) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*node.operand));
    return binder.BindField(std::move(operand), node.field);
  }
};

Result<ExprPtr> ExpressionBinder::Bind(const Expression& expression) {
  ARROW_ASSIGN_OR_RAISE(std::optional<ExprPtr> whole, Intercept(expression));
  if (whole) return *whole;
  ARROW_ASSIGN_OR_RAISE(
      ExprPtr bound,
      std::visit(NodeBinder{*this, expression.where, expression}, expression.node));
  return WithSource(std::move(bound), expression);
}

Result<ExprPtr> ExpressionBinder::BindCondition(const Expression& expression,
                                                std::string_view clause) {
  ARROW_ASSIGN_OR_RAISE(ExprPtr bound, Bind(expression));
  const arrow::Type::type id = bound->type()->id();
  if (id == arrow::Type::BOOL) return bound;
  if (id == arrow::Type::NA) return Expr::Cast(std::move(bound), arrow::boolean());
  return errors::kSqlTypeMismatch.Make(expression.where.ToWhere(),
                                       "{} takes a condition, not {}", clause,
                                       data::SqlTypeName(*bound->type()));
}

Result<std::optional<ExprPtr>> ExpressionBinder::Intercept(const Expression& expression) {
  const auto* call = expression.As<FunctionCall>();
  if (call != nullptr && call->over == nullptr && !call->over_name &&
      context_.functions->FindScalar(call->name.text) == nullptr &&
      context_.functions->FindAggregate(call->name.text) != nullptr) {
    return errors::kSqlMisplacedAggregate.Make(expression.where.ToWhere(), "{}",
                                               ToSql(expression));
  }
  return std::nullopt;
}

Result<std::optional<ExprPtr>> ExpressionBinder::BindAlias(const Path& path) {
  // Inside an alias no other one is known: SELECT a + 1 AS a means the column, and a
  // chain of aliases that double each other can't explode.
  if (aliases_ == nullptr || path.size() != 1 || in_alias_) return std::nullopt;
  for (const SelectItem& item : *aliases_) {
    if (!item.alias || !EqualsIgnoreCase(item.alias->text, path[0].text)) continue;
    in_alias_ = true;
    Result<ExprPtr> bound = Bind(*item.value);
    in_alias_ = false;
    ARROW_RETURN_NOT_OK(bound.status());
    return *bound;
  }
  return std::nullopt;
}

// a.b.c may be a column and fields of it; the longest path that is a column counts.
Result<ExprPtr> ExpressionBinder::BindPath(const Path& path) {
  for (size_t size = path.size(); size > 0; --size) {
    const Path name(path.begin(), path.begin() + size);
    ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, scope_.FindOptional(name));
    if (column == nullptr) continue;
    if (size < path.size() && column->value->type()->id() != arrow::Type::STRUCT) break;
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, BindName(name));
    for (size_t i = size; i < path.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(bound, BindField(std::move(bound), path[i]));
    }
    return bound;
  }
  return BindName(path);
}

Result<ExprPtr> ExpressionBinder::BindField(ExprPtr operand, const Identifier& field) {
  return Call(field.where, "struct_extract",
              {std::move(operand),
               Expr::Literal(std::make_shared<arrow::StringScalar>(field.text))});
}

Result<ExprPtr> ExpressionBinder::BindName(const Path& path) {
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, scope_.FindOptional(path));
  if (column != nullptr) return column->value;
  ARROW_ASSIGN_OR_RAISE(std::optional<ExprPtr> alias, BindAlias(path));
  if (alias) return *alias;
  return scope_.Find(path).status();
}

Result<ExprPtr> ExpressionBinder::Call(Location where, const std::string& name,
                                       std::vector<ExprPtr> arguments) {
  Result<ExprPtr> bound = Expr::Call(*context_.functions, name, std::move(arguments));
  if (bound.ok()) return bound;
  return WithWhere(bound.status(), where.ToWhere());
}

namespace {

bool TakesUnit(std::string_view function) {
  static constexpr std::string_view kFunctions[] = {
      "date_diff",    "datediff",   "timestampdiff", "date_add",  "dateadd",
      "timestampadd", "date_trunc", "datetrunc",     "date_part", "datepart"};
  return std::find(std::begin(kFunctions), std::end(kFunctions), function) !=
         std::end(kFunctions);
}

}  // namespace

Result<ExprPtr> ExpressionBinder::BindCall(const FunctionCall& call,
                                           const Expression& expression) {
  const Location where = expression.where;
  if (call.over != nullptr || call.over_name) {
    if (over_ != nullptr) return over_->Bind(call, expression, *this);
    return errors::kSqlMisplacedOver.Make(where.ToWhere(), "{}", ToSql(expression));
  }
  const std::string name = ToLower(call.name.text);
  if (context_.functions->FindScalar(name) == nullptr) {
    if (NeedsOver(name)) {
      return errors::kSqlBadOver.Make(where.ToWhere(), "{} needs OVER (…)", name);
    }
    if (WindowBound(name)) {
      return errors::kSqlBadWindow.Make(
          where.ToWhere(), "{} needs GROUP BY … WINDOW …, as TUMBLING(ts, 5m)", name);
    }
    // The nearest name is offered there.
    return Call(where, name, {});
  }
  if (call.star || call.distinct || !call.order_by.empty() ||
      !call.within_group.empty() || call.filter != nullptr) {
    return errors::kSqlMisplacedAggregate.Make(
        where.ToWhere(),
        "{} is no aggregate: *, DISTINCT, ORDER BY and FILTER have no "
        "meaning in it",
        name);
  }
  if (call.ignore_nulls) return NotSupported(where, "IGNORE NULLS");
  std::vector<ExprPtr> arguments;
  if (name == "unix_timestamp" && call.arguments.empty()) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr now, Call(where, "now", {}));
    arguments.push_back(std::move(now));
  }
  for (const FunctionArgument& argument : call.arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
    Result<ExprPtr> bound = Bind(*argument.value);
    // DATEDIFF(day, a, b): a word that is no column names the unit.
    const auto* word = argument.value->As<Name>();
    if (!bound.ok() && arguments.empty() && TakesUnit(name) && word != nullptr &&
        word->path.size() == 1 && !word->path[0].quoted) {
      bound = Expr::Literal(std::make_shared<arrow::StringScalar>(word->path[0].text));
    }
    ARROW_RETURN_NOT_OK(bound.status());
    arguments.push_back(std::move(*bound));
  }
  return Call(where, name, std::move(arguments));
}

Result<ExprPtr> ExpressionBinder::BindCase(const CaseOf& node, Location where) {
  std::vector<ExprPtr> conditions;
  std::vector<ExprPtr> values;
  ExprPtr operand;
  if (node.operand != nullptr) {
    ARROW_ASSIGN_OR_RAISE(operand, Bind(*node.operand));
  }
  expr::TypePtr type = arrow::null();
  const auto add_value = [&](const Expression& expression) -> Status {
    ARROW_ASSIGN_OR_RAISE(ExprPtr value, Bind(expression));
    ARROW_ASSIGN_OR_RAISE(
        type, CommonTypeAt(type, value->type(), expression.where, "the values of CASE"));
    values.push_back(std::move(value));
    return Status::OK();
  };
  for (const auto& [when, then] : node.branches) {
    ExprPtr condition;
    if (operand != nullptr) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr other, Bind(*when));
      ARROW_ASSIGN_OR_RAISE(condition, Call(when->where, "=", {operand, other}));
    } else {
      ARROW_ASSIGN_OR_RAISE(condition, BindCondition(*when, "WHEN"));
    }
    conditions.push_back(std::move(condition));
    ARROW_RETURN_NOT_OK(add_value(*then));
  }
  if (node.otherwise != nullptr) {
    ARROW_RETURN_NOT_OK(add_value(*node.otherwise));
  } else {
    values.push_back(Expr::Literal(arrow::MakeNullScalar(type)));
  }
  for (ExprPtr& value : values) value = Expr::Cast(std::move(value), type);
  ExprPtr otherwise = std::move(values.back());
  values.pop_back();
  return Expr::Case(std::move(conditions), std::move(values), std::move(otherwise));
}

Status CheckKey(const Expr& key, Location where, std::string_view what) {
  if (!arrow::is_nested(key.type()->id())) return Status::OK();
  return errors::kSqlBadKey.Make(where.ToWhere(), "{}: {}", what,
                                 data::SqlTypeName(*key.type()));
}

Status NotSupported(Location where, std::string_view what) {
  return errors::kSqlNotSupported.Make(where.ToWhere(), "{}", what);
}

Result<expr::TypePtr> CommonTypeAt(const expr::TypePtr& left, const expr::TypePtr& right,
                                   Location where, std::string_view what) {
  expr::TypePtr common = expr::CommonType(left, right);
  if (common != nullptr) return common;
  return errors::kSqlTypeMismatch.Make(where.ToWhere(), "{}: {} and {}", what,
                                       data::SqlTypeName(*left),
                                       data::SqlTypeName(*right));
}

std::string OutputName(const Expression& expression) {
  if (const auto* name = expression.As<Name>()) return name->path.back().text;
  if (const auto* field = expression.As<FieldOf>()) return field->field.text;
  if (const auto* cast = expression.As<CastTo>()) {
    if (cast->operand->As<Name>() != nullptr) return OutputName(*cast->operand);
  }
  const auto* call = expression.As<FunctionCall>();
  if (call == nullptr) return ToSql(expression);
  // Function names read better in lower case as names of columns.
  const std::string text = ToSql(expression);
  const size_t end = call->name.text.size();
  return ToLower(text.substr(0, end)) + text.substr(end);
}

bool HasAggregate(const Expression& expression, const expr::FunctionRegistry& functions) {
  if (const auto* call = expression.As<FunctionCall>()) {
    if (call->over == nullptr && !call->over_name &&
        functions.FindScalar(call->name.text) == nullptr &&
        functions.FindAggregate(call->name.text) != nullptr) {
      return true;
    }
  }
  bool found = false;
  ForEachChild(expression, [&](const Expression& child) {
    found = found || HasAggregate(child, functions);
  });
  return found;
}

Result<ExprPtr> Conjunction(std::vector<ExprPtr> terms,
                            const expr::FunctionRegistry& functions) {
  if (terms.empty()) return nullptr;
  while (terms.size() > 1) {
    std::vector<ExprPtr> pairs;
    for (size_t i = 0; i + 1 < terms.size(); i += 2) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr pair,
                            Expr::Call(functions, "and", {terms[i], terms[i + 1]}));
      pairs.push_back(std::move(pair));
    }
    if (terms.size() % 2 == 1) pairs.push_back(terms.back());
    terms = std::move(pairs);
  }
  return terms[0];
}

std::vector<ExprPtr> SplitConjunction(const ExprPtr& condition) {
  std::vector<ExprPtr> out;
  if (condition == nullptr) return out;
  if (condition->kind() == expr::ExprKind::kCall &&
      condition->function()->doc.name == "and") {
    for (const ExprPtr& child : condition->children()) {
      for (ExprPtr& term : SplitConjunction(child)) out.push_back(std::move(term));
    }
    return out;
  }
  out.push_back(condition);
  return out;
}

}  // namespace millrace::sql
