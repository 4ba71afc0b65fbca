#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/sql/aggregate_binder_internal.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;

namespace {

ExprPtr TextLiteral(std::string value) {
  return Expr::Literal(std::make_shared<arrow::StringScalar>(std::move(value)));
}

}  // namespace

plan::NodePtr AggregateBinder::Node(plan::NodePtr input) const {
  return plan::AggregateNode::Make(std::move(input), grouping_.keys, grouping_.names,
                                   aggregates_, grouping_.window, grouping_.emission);
}

ExprPtr AggregateBinder::Output(int column) const {
  const auto key = static_cast<size_t>(column - grouping_.first_key());
  if (column < grouping_.first_key()) {
    return Expr::Column(column, column == 0 ? "window_start" : "window_end",
                        grouping_.window_type);
  }
  if (key < grouping_.keys.size()) {
    return Expr::Column(column, grouping_.names[key], grouping_.keys[key]->type());
  }
  const plan::AggregateCall& call = aggregates_[key - grouping_.keys.size()];
  return Expr::Column(column, call.name, call.binding.result);
}

Result<ExprPtr> AggregateBinder::KeyColumn(const ExprPtr& input, const std::string& name,
                                           Location where) const {
  const std::string text = input->ToString();
  for (const auto& [key, column] : grouping_.columns) {
    if (key == text) return Output(column);
  }
  return errors::kSqlNotGrouped.Make(where.ToWhere(), "{}", name);
}

Result<std::optional<ExprPtr>> AggregateBinder::Intercept(const Expression& expression) {
  const auto* call = expression.As<FunctionCall>();
  if (call != nullptr && call->over == nullptr && !call->over_name) {
    const std::string name = ToLower(call->name.text);
    if (context().functions->FindScalar(name) == nullptr) {
      if (context().functions->FindAggregate(name) != nullptr) {
        ARROW_ASSIGN_OR_RAISE(ExprPtr column, BindAggregate(*call, expression));
        return column;
      }
      if (name == "grouping" || name == "grouping_id") {
        ARROW_ASSIGN_OR_RAISE(ExprPtr bits, BindGroupingCall(*call, expression.where));
        return bits;
      }
      // TUMBLE_START(ts, INTERVAL …) repeats the window; there is only one.
      if (const auto bound = WindowBound(name); grouping_.window && bound) {
        return Output(*bound);
      }
    }
  }
  if (HasAggregate(expression, *context().functions)) return std::nullopt;
  Result<ExprPtr> bound = input_.Bind(expression);
  if (!bound.ok()) return std::nullopt;
  const std::string text = (*bound)->ToString();
  for (const auto& [key, column] : grouping_.columns) {
    if (key == text) return Output(column);
  }
  if ((*bound)->is_constant()) return *bound;
  return std::nullopt;
}

std::optional<ExprPtr> AggregateBinder::WindowColumn(const std::string& name) const {
  if (!grouping_.window) return std::nullopt;
  if (EqualsIgnoreCase(name, "window_start") || EqualsIgnoreCase(name, "_window_start")) {
    return Output(0);
  }
  if (EqualsIgnoreCase(name, "window_end") || EqualsIgnoreCase(name, "_window_end")) {
    return Output(1);
  }
  return std::nullopt;
}

Result<ExprPtr> AggregateBinder::BindName(const Path& path) {
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, scope().FindOptional(path));
  if (path.size() == 1) {
    std::optional<ExprPtr> window = WindowColumn(path[0].text);
    if (window) return *window;
    if (grouping_.window && EqualsIgnoreCase(path[0].text, "window_time")) {
      const ExprPtr micro =
          Expr::Literal(std::make_shared<arrow::MonthDayNanoIntervalScalar>(
              arrow::MonthDayNanoIntervalType::MonthDayNanos{0, 0, 1000}));
      return Expr::Call(*context().functions, "-", {Output(1), micro});
    }
  }
  if (column == nullptr) {
    ARROW_ASSIGN_OR_RAISE(std::optional<ExprPtr> alias, BindAlias(path));
    if (alias) return *alias;
    return scope().Find(path).status();
  }
  return errors::kSqlNotGrouped.Make(path[0].where.ToWhere(), "{}", ToSql(path));
}

// GROUPING(a, b): a bit for each key, the last one the lowest: is the group's set without
// it? Ids of sets tell that, see GroupingSets::Sets.
Result<ExprPtr> AggregateBinder::BindGroupingCall(const FunctionCall& call,
                                                  Location where) {
  if (call.star || call.distinct || call.filter != nullptr || call.arguments.empty()) {
    return errors::kSqlSyntax.Make(where.ToWhere(), "{}(key, …)", call.name.text);
  }
  const expr::FunctionRegistry& functions = *context().functions;
  const auto number = [](int64_t value) {
    return Expr::Literal(std::make_shared<arrow::Int64Scalar>(value));
  };
  const int keys = static_cast<int>(grouping_.keys.size()) - (grouping_.set_id ? 1 : 0);
  ExprPtr out = number(0);
  for (const FunctionArgument& argument : call.arguments) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, input_.Bind(*argument.value));
    ARROW_ASSIGN_OR_RAISE(const ExprPtr column, KeyColumn(bound, ToSql(*argument.value),
                                                          argument.value->where));
    ARROW_ASSIGN_OR_RAISE(out, Expr::Call(functions, "*", {out, number(2)}));
    // A bound of the window is in every set.
    const int key = column->column() - grouping_.first_key();
    if (!grouping_.set_id || key < 0) continue;
    ARROW_ASSIGN_OR_RAISE(
        ExprPtr bit,
        Expr::Call(functions, "/",
                   {Output(*grouping_.set_id), number(int64_t{1} << (keys - 1 - key))}));
    ARROW_ASSIGN_OR_RAISE(bit, Expr::Call(functions, "%", {bit, number(2)}));
    ARROW_ASSIGN_OR_RAISE(out, Expr::Call(functions, "+", {out, bit}));
  }
  return out;
}

// Arrival is no order where event times tell another one.
void AggregateBinder::OrderByEventTime(plan::AggregateCall* out) const {
  const expr::AggregateFunction& function = *out->function;
  if (function.by_event_time.empty() || !scope().event_time ||
      static_cast<int>(out->arguments.size()) != function.ordered_arguments) {
    return;
  }
  for (const ScopeColumn& column : scope().columns) {
    if (column.value->kind() != expr::ExprKind::kColumn ||
        column.value->column() != *scope().event_time) {
      continue;
    }
    out->arguments.push_back(TextLiteral(function.by_event_time));
    out->arguments.push_back(column.value);
    out->function = function.ordered.get();
    return;
  }
}

// ORDER BY inside a call or behind it in WITHIN GROUP. A percentile's order is its value;
// other functions have a form that takes the keys as arguments.
Status AggregateBinder::BindOrder(const FunctionCall& call, Location where,
                                  plan::AggregateCall* out) {
  const bool within = !call.within_group.empty();
  const std::vector<OrderItem>& order = within ? call.within_group : call.order_by;
  if (order.empty()) {
    OrderByEventTime(out);
    return Status::OK();
  }
  const std::string& name = out->function->doc.name;
  if (within && !call.order_by.empty()) {
    return NotSupported(where, "ORDER BY beside WITHIN GROUP");
  }
  std::vector<ExprPtr> keys;
  std::string directions;
  for (const OrderItem& item : order) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr key, input_.Bind(*item.value));
    ARROW_RETURN_NOT_OK(CheckKey(*key, item.value->where, "ORDER BY"));
    keys.push_back(std::move(key));
    const bool first = item.nulls_first.value_or(false);
    directions += item.descending ? (first ? 'D' : 'd') : (first ? 'A' : 'a');
  }
  if (within && (name == "percentile_cont" || name == "percentile_disc")) {
    if (keys.size() != 1 || out->arguments.size() != 1) {
      return errors::kSqlSyntax.Make(where.ToWhere(),
                                     "{}(fraction) WITHIN GROUP (ORDER BY x)", name);
    }
    if (order[0].descending) {
      return NotSupported(order[0].value->where, "DESC in the WITHIN GROUP of " + name);
    }
    out->arguments.insert(out->arguments.begin(), std::move(keys[0]));
    return Status::OK();
  }
  // Their answer has nothing to do with an order.
  if (!within && out->function->ignores_distinct) return Status::OK();
  if (out->function->ordered == nullptr) {
    return NotSupported(where,
                        within ? "WITHIN GROUP of " + name : "ORDER BY inside " + name);
  }
  if (call.distinct) {
    for (const ExprPtr& key : keys) {
      if (key->Equals(*out->arguments[0])) continue;
      return NotSupported(where, "DISTINCT with an order by something else");
    }
  }
  if (out->arguments.size() == 1 && out->function->ordered_arguments == 2) {
    out->arguments.push_back(TextLiteral(","));
  }
  if (static_cast<int>(out->arguments.size()) != out->function->ordered_arguments) {
    return errors::kSqlSyntax.Make(where.ToWhere(), "{}", out->function->doc.signature);
  }
  out->function = out->function->ordered.get();
  out->arguments.push_back(TextLiteral(directions));
  for (ExprPtr& key : keys) out->arguments.push_back(std::move(key));
  return Status::OK();
}

Result<ExprPtr> AggregateBinder::BindAggregate(const FunctionCall& call,
                                               const Expression& expression) {
  const Location where = expression.where;
  if (call.ignore_nulls) return NotSupported(where, "IGNORE NULLS");
  plan::AggregateCall out;
  out.function = context().functions->FindAggregate(call.name.text);
  out.distinct = call.distinct;
  out.name = OutputName(expression);
  if (call.star && !EqualsIgnoreCase(call.name.text, "count")) {
    return errors::kSqlSyntax.Make(where.ToWhere(), "found *, only COUNT takes it");
  }
  for (const FunctionArgument& argument : call.arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
    // An aggregate inside is refused by the binder of the input.
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, input_.Bind(*argument.value));
    if (call.distinct) {
      ARROW_RETURN_NOT_OK(CheckKey(*bound, argument.value->where, "DISTINCT"));
    }
    out.arguments.push_back(std::move(bound));
  }
  ARROW_RETURN_NOT_OK(BindOrder(call, where, &out));
  std::vector<expr::TypePtr> types;
  for (const ExprPtr& argument : out.arguments) {
    types.push_back(argument->type());
    out.literals.push_back(argument->literal());
  }
  Result<expr::AggregateBinding> binding = out.function->bind(types, out.literals);
  if (!binding.ok()) return WithWhere(binding.status(), where.ToWhere());
  out.binding = std::move(*binding);
  for (size_t i = 0; i < out.arguments.size(); ++i) {
    out.arguments[i] =
        Expr::Cast(std::move(out.arguments[i]), out.binding.argument_types[i]);
  }
  if (call.filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(out.filter, input_.BindCondition(*call.filter, "FILTER"));
  }
  if (grouping_.row_mark != nullptr) {
    std::vector<ExprPtr> conditions{grouping_.row_mark};
    if (out.filter != nullptr) conditions.push_back(out.filter);
    ARROW_ASSIGN_OR_RAISE(out.filter,
                          Conjunction(std::move(conditions), *context().functions));
  }
  const int base = grouping_.first_key() + static_cast<int>(grouping_.keys.size());
  const std::string text = out.ToString();
  for (size_t i = 0; i < aggregates_.size(); ++i) {
    if (aggregates_[i].ToString() == text) return Output(base + static_cast<int>(i));
  }
  aggregates_.push_back(std::move(out));
  return Output(base + static_cast<int>(aggregates_.size()) - 1);
}

}  // namespace millrace::sql
