// SELECT: from FROM to the output columns.
#include <algorithm>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/plan/errors.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/over_binder_internal.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;
using plan::NodePtr;

namespace {

Status CheckSelect(const Select& select, Location where) {
  if (!select.distinct_on.empty()) {
    return NotSupported(select.distinct_on[0]->where, "DISTINCT ON");
  }
  const auto& windows = select.named_windows;
  for (size_t i = 0; i < windows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!EqualsIgnoreCase(windows[i].first.text, windows[j].first.text)) continue;
      return errors::kSqlNameTaken.Make(windows[i].first.where.ToWhere(), "{}",
                                        windows[i].first.text);
    }
  }
  for (const SelectItem& item : select.items) {
    if (item.primary_key) {
      return NotSupported(item.value->where, "PRIMARY KEY in a SELECT list");
    }
  }
  return Status::OK();
}

// SELECT without FROM reads one row without columns.
NodePtr SingleRow() {
  return plan::ValuesNode::Make(arrow::RecordBatch::Make(
      arrow::schema(arrow::FieldVector()), 1, arrow::ArrayVector()));
}

bool SameColumns(const std::vector<ExprPtr>& columns,
                 const std::vector<std::string>& names, const plan::Node& node) {
  if (columns.size() != static_cast<size_t>(node.schema()->num_fields())) return false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->kind() != expr::ExprKind::kColumn ||
        columns[i]->column() != static_cast<int>(i) ||
        node.schema()->field(static_cast<int>(i))->name() != names[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool IsGrouped(const Select& select, const Query& query,
               const expr::FunctionRegistry& functions) {
  if (select.group_by_all || !select.group_by.empty() || select.having != nullptr ||
      select.window) {
    return true;
  }
  if (select.qualify != nullptr && HasAggregate(*select.qualify, functions)) return true;
  return std::any_of(select.items.begin(), select.items.end(),
                     [&](const SelectItem& item) {
                       return HasAggregate(*item.value, functions);
                     }) ||
         std::any_of(
             query.order_by.begin(), query.order_by.end(),
             [&](const OrderItem& item) { return HasAggregate(*item.value, functions); });
}

Result<NodePtr> QueryBinder::BindSelect(const Select& select, const Query& query,
                                        Location where) {
  ARROW_RETURN_NOT_OK(CheckSelect(select, where));
  Relation from;
  if (select.from.empty()) {
    from.node = SingleRow();
  } else {
    ARROW_ASSIGN_OR_RAISE(from, BindFrom(select));
  }
  ARROW_ASSIGN_OR_RAISE(from, BindWhere(select, std::move(from)));
  ARROW_ASSIGN_OR_RAISE(std::vector<OutputItem> items, ExpandStars(select, from.scope));
  if (HoldsSessions(from.node) &&
      (!from.scope.window || !IsGrouped(select, query, *context_.functions))) {
    return errors::kSqlBadWindow.Make(
        where.ToWhere(), "SESSION needs GROUP BY window_start, window_end over it");
  }
  if (!IsGrouped(select, query, *context_.functions)) {
    ExpressionBinder binder(context_, from.scope);
    return Finish(select, query, items, &binder, nullptr, from.node);
  }
  ARROW_ASSIGN_OR_RAISE(Grouping grouping, BindGrouping(select, items, where, &from));
  ARROW_RETURN_NOT_OK(BindEmission(query, from.node, where, &grouping));
  AggregateBinder groups(context_, from.scope, grouping);
  return Finish(select, query, items, &groups, &groups, from.node);
}

Result<Relation> QueryBinder::BindWhere(const Select& select, Relation from) {
  if (select.where_condition == nullptr) return from;
  std::vector<const Expression*> terms{select.where_condition.get()};
  if (const auto* all = select.where_condition->As<Logical>();
      all != nullptr && all->conjunction) {
    terms.clear();
    for (const ExpressionPtr& term : all->terms) terms.push_back(term.get());
  }
  ExpressionBinder binder(context_, from.scope);
  binder.set_aliases(&select.items);
  std::vector<ExprPtr> conditions;
  std::vector<const Expression*> memberships;
  for (const Expression* term : terms) {
    const auto* in = term->As<InTest>();
    if (in != nullptr && in->query != nullptr && !in->negated) {
      memberships.push_back(term);
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(ExprPtr condition, binder.BindCondition(*term, "WHERE"));
    conditions.push_back(std::move(condition));
  }
  ARROW_ASSIGN_OR_RAISE(ExprPtr condition,
                        Conjunction(std::move(conditions), *context_.functions));
  if (condition != nullptr) {
    from.node = plan::FilterNode::Make(std::move(from.node), std::move(condition));
  }
  for (const Expression* term : memberships) {
    ARROW_ASSIGN_OR_RAISE(from.node, SemiJoin(*term->As<InTest>(), term->where, from));
  }
  return from;
}

// WHERE x IN (SELECT y …): only true matters there, so NULLs need no care.
Result<NodePtr> QueryBinder::SemiJoin(const InTest& test, Location where,
                                      const Relation& from) {
  ExpressionBinder binder(context_, from.scope);
  ARROW_ASSIGN_OR_RAISE(ExprPtr operand, binder.Bind(*test.operand));
  ARROW_ASSIGN_OR_RAISE(NodePtr values, BindQuery(*test.query));
  if (values->schema()->num_fields() != 1) {
    return errors::kSqlColumnCount.Make(test.query->where.ToWhere(),
                                        "IN takes one column, not {}",
                                        values->schema()->num_fields());
  }
  if (!values->bounded()) {
    return errors::kNeedsBoundedInput.Make(test.query->where.ToWhere(), "IN (SELECT …)");
  }
  const ExprPtr column = ColumnOf(*values, 0);
  ARROW_ASSIGN_OR_RAISE(expr::TypePtr common,
                        CommonTypeAt(operand->type(), column->type(), where, "IN"));
  return plan::JoinNode::Make(from.node, std::move(values), plan::JoinType::kSemi,
                              {Expr::Cast(operand, common)},
                              {Expr::Cast(column, common)});
}

Result<std::vector<OutputItem>> QueryBinder::ExpandStars(const Select& select,
                                                         const Scope& scope) {
  std::vector<OutputItem> out;
  for (const SelectItem& item : select.items) {
    const auto* star = item.value->As<Star>();
    if (star == nullptr) {
      out.push_back({item.value, nullptr,
                     item.alias ? item.alias->text : OutputName(*item.value),
                     item.value->where});
      continue;
    }
    const Where where = item.value->where.ToWhere();
    if (item.alias) {
      return errors::kSqlSyntax.Make(where,
                                     "* stands for several columns and takes no "
                                     "alias");
    }
    if (select.from.empty()) {
      return errors::kSqlUnknownTable.Make(where, "* without FROM");
    }
    ARROW_ASSIGN_OR_RAISE(std::vector<size_t> columns, scope.Star(star->qualifier));
    std::vector<std::string> names;
    for (size_t i : columns) names.push_back(scope.columns[i].name);
    const auto check = [&](const Identifier& wanted) -> Status {
      for (const std::string& name : names) {
        if (EqualsIgnoreCase(name, wanted.text)) return Status::OK();
      }
      return errors::kSqlUnknownColumn.Make(wanted.where.ToWhere(), "{}{}", wanted.text,
                                            Suggest(wanted.text, names));
    };
    for (const Identifier& left_out : star->except) ARROW_RETURN_NOT_OK(check(left_out));
    for (const auto& [value, name] : star->replace) ARROW_RETURN_NOT_OK(check(name));
    for (size_t i : columns) {
      const ScopeColumn& column = scope.columns[i];
      const auto same = [&](const Identifier& name) {
        return EqualsIgnoreCase(name.text, column.name);
      };
      if (std::any_of(star->except.begin(), star->except.end(), same)) continue;
      const auto replaced =
          std::find_if(star->replace.begin(), star->replace.end(),
                       [&](const auto& pair) { return same(pair.second); });
      if (replaced != star->replace.end()) {
        out.push_back({replaced->first, nullptr, column.name, replaced->first->where});
      } else {
        out.push_back({nullptr, column.value, column.name, item.value->where});
      }
    }
  }
  return out;
}

// SELECT list, HAVING, DISTINCT, ORDER BY and LIMIT over `input`, or over its groups.
Result<NodePtr> QueryBinder::Finish(const Select& select, const Query& query,
                                    const std::vector<OutputItem>& items,
                                    ExpressionBinder* binder, AggregateBinder* groups,
                                    NodePtr input) {
  OverBinder over(context_, select);
  binder->set_over(&over);
  std::vector<ExprPtr> columns;
  std::vector<std::string> names;
  for (const OutputItem& item : items) {
    ExprPtr column = item.input;
    if (item.value != nullptr) {
      ARROW_ASSIGN_OR_RAISE(column, binder->Bind(*item.value));
    } else if (groups != nullptr) {
      ARROW_ASSIGN_OR_RAISE(column, groups->KeyColumn(item.input, item.name, item.where));
    }
    // NULL alone has no type that a sink could store.
    if (column->type()->id() == arrow::Type::NA) {
      column = Expr::Cast(std::move(column), arrow::int32());
    }
    columns.push_back(std::move(column));
    names.push_back(item.name);
  }
  binder->set_aliases(&select.items);
  ExprPtr having;
  if (select.having != nullptr) {
    binder->set_over(nullptr);
    ARROW_ASSIGN_OR_RAISE(having, binder->BindCondition(*select.having, "HAVING"));
    binder->set_over(&over);
  }
  ExprPtr qualify;
  if (select.qualify != nullptr) {
    ARROW_ASSIGN_OR_RAISE(qualify, binder->BindCondition(*select.qualify, "QUALIFY"));
    if (over.empty()) {
      return errors::kSqlBadOver.Make(select.qualify->where.ToWhere(),
                                      "QUALIFY without a function OVER; use WHERE");
    }
  }
  struct Order {
    size_t column;
    const OrderItem* item;
  };
  std::vector<Order> order;
  const size_t visible = columns.size();
  for (const OrderItem& item : query.order_by) {
    ARROW_ASSIGN_OR_RAISE(std::optional<size_t> position,
                          PositionOf(*item.value, visible));
    // The name of an output column comes before that of an input column.
    const auto* name = item.value->As<Name>();
    for (size_t i = 0; i < visible && !position && name != nullptr; ++i) {
      if (name->path.size() == 1 && EqualsIgnoreCase(names[i], name->path[0].text)) {
        position = i;
      }
    }
    if (!position) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr key, binder->Bind(*item.value));
      for (size_t i = 0; i < columns.size() && !position; ++i) {
        if (columns[i]->Equals(*key)) position = i;
      }
      if (!position && select.distinct) {
        return errors::kSqlUnknownColumn.Make(
            item.value->where.ToWhere(),
            "ORDER BY {}: with DISTINCT only columns of the SELECT list can order",
            ToSql(*item.value));
      }
      if (!position) {
        position = columns.size();
        names.push_back(OutputName(*item.value));
        columns.push_back(std::move(key));
      }
    }
    ARROW_RETURN_NOT_OK(CheckKey(*columns[*position], item.value->where, "ORDER BY"));
    order.push_back({*position, &item});
  }
  NodePtr node = std::move(input);
  if (groups != nullptr) node = groups->Node(std::move(node));
  if (having != nullptr) node = plan::FilterNode::Make(std::move(node), having);
  if (!over.empty()) {
    ARROW_ASSIGN_OR_RAISE(node, over.Node(std::move(node)));
    for (ExprPtr& column : columns) column = over.Resolve(column);
    if (qualify != nullptr)
      node = plan::FilterNode::Make(std::move(node), over.Resolve(qualify));
  }
  binder->set_over(nullptr);
  const size_t total = columns.size();
  if (!SameColumns(columns, names, *node)) {
    node = plan::ProjectNode::Make(std::move(node), std::move(columns), names);
  }
  if (select.distinct) {
    if (!node->bounded()) {
      return errors::kNeedsBoundedInput.Make(query.where.ToWhere(), "DISTINCT");
    }
    ARROW_ASSIGN_OR_RAISE(
        node, DistinctRows(std::move(node), select.items[0].value->where, "DISTINCT"));
  }
  std::vector<plan::SortKey> keys;
  for (const Order& by : order) {
    keys.push_back({ColumnOf(*node, static_cast<int>(by.column)), by.item->descending,
                    by.item->nulls_first.value_or(false)});
  }
  ARROW_ASSIGN_OR_RAISE(node, SortAndLimit(query, std::move(keys), std::move(node)));
  if (total == visible) return node;
  std::vector<ExprPtr> kept;
  for (size_t i = 0; i < visible; ++i)
    kept.push_back(ColumnOf(*node, static_cast<int>(i)));
  names.resize(visible);
  return plan::ProjectNode::Make(std::move(node), std::move(kept), std::move(names));
}

}  // namespace millrace::sql
