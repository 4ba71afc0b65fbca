// GROUP BY.
#include <algorithm>

#include <arrow/type.h>

#include "millrace/plan/expand_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/grouping_sets_internal.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;

Result<Grouping> QueryBinder::BindGrouping(const Select& select,
                                           const std::vector<OutputItem>& items,
                                           Location where, Relation* from) {
  Grouping out;
  if (select.window) {
    if (from->scope.window) {
      return errors::kSqlBadWindow.Make(
          select.window->where.ToWhere(),
          "the rows are in windows of a table function already");
    }
    ARROW_ASSIGN_OR_RAISE(out.window, BindWindow(*select.window, from));
  }
  ExpressionBinder binder(context_, from->scope);
  binder.set_aliases(&select.items);
  GroupingSets sets;
  for (const GroupItem& item : select.group_by) {
    if (item.kind == GroupItem::Kind::kExpression) {
      ARROW_ASSIGN_OR_RAISE(std::optional<int> key,
                            BindKey(*item.value, items, *from, &binder, &out));
      if (key) sets.AddKey(*key);
      continue;
    }
    std::vector<std::vector<std::optional<int>>> parts;
    for (const std::vector<ExpressionPtr>& set : item.sets) {
      parts.emplace_back();
      for (const ExpressionPtr& value : set) {
        ARROW_ASSIGN_OR_RAISE(std::optional<int> key,
                              BindKey(*value, items, *from, &binder, &out));
        parts.back().push_back(key);
      }
    }
    if (out.keys.size() > GroupingSets::kMostKeys) {
      return NotSupported(item.where, "sets of so many keys");
    }
    ARROW_RETURN_NOT_OK(sets.AddItem(item.kind, parts, item.where));
  }
  if (select.group_by_all) {
    for (const OutputItem& item : items) {
      ExprPtr key = item.input;
      if (item.value != nullptr) {
        if (HasAggregate(*item.value, *context_.functions)) continue;
        ARROW_ASSIGN_OR_RAISE(key, binder.Bind(*item.value));
      }
      const Location place = item.value != nullptr ? item.value->where : Location{};
      ARROW_RETURN_NOT_OK(CheckKey(*key, place, "GROUP BY ALL, column " + item.name));
      ARROW_RETURN_NOT_OK(AddKey(std::move(key), item.name, *from, &out).status());
    }
  }
  if (select.window) {
    for (const ExpressionPtr& value : select.window->partition_by) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr key, binder.Bind(*value));
      ARROW_RETURN_NOT_OK(CheckKey(*key, value->where, "PARTITION BY"));
      ARROW_ASSIGN_OR_RAISE(std::optional<int> at,
                            AddKey(std::move(key), OutputName(*value), *from, &out));
      if (at) sets.AddKey(*at);
    }
  }
  const bool in_sessions = HoldsSessions(from->node);
  if (in_sessions && from->scope.window) {
    if (sets.expands()) return NotSupported(where, "GROUPING SETS over SESSION(…)");
    ARROW_RETURN_NOT_OK(FindSessions(where, from, &out));
  }
  if (out.window) {
    out.window_type = ColumnOf(*from->node, out.window->time_column)->type();
  }
  // window_start and window_end stand before the keys in the output.
  if (from->scope.window && out.window && !in_sessions) {
    const int first = from->scope.window->first_column;
    out.columns.emplace_back(ColumnOf(*from->node, first)->ToString(), 0);
    out.columns.emplace_back(ColumnOf(*from->node, first + 1)->ToString(), 1);
  }
  for (size_t i = 0; i < out.keys.size(); ++i) {
    out.columns.emplace_back(out.keys[i]->ToString(),
                             out.first_key() + static_cast<int>(i));
  }
  if (!sets.expands()) return out;
  if (out.keys.size() > GroupingSets::kMostKeys)
    return NotSupported(where, "sets of so many keys");
  Expand(sets, from, &out);
  return out;
}

// The rows of each set are groups of their own: its id is one more key, behind the
// others.
void QueryBinder::Expand(const GroupingSets& sets, Relation* from, Grouping* grouping) {
  const size_t keys = grouping->keys.size();
  std::vector<plan::GroupingSet> list = sets.Sets(keys);
  const bool any_empty =
      std::any_of(list.begin(), list.end(), [](const plan::GroupingSet& set) {
        return std::find(set.has_key.begin(), set.has_key.end(), true) ==
               set.has_key.end();
      });
  // As without GROUP BY there is one row for all, be there rows or none.
  const bool marks_rows = any_empty && !grouping->window;
  const int width = from->node->schema()->num_fields();
  from->node = plan::ExpandNode::Make(from->node, std::move(grouping->keys),
                                      grouping->names, std::move(list), marks_rows);
  grouping->keys.clear();
  for (size_t i = 0; i <= keys; ++i) {
    grouping->keys.push_back(ColumnOf(*from->node, width + static_cast<int>(i)));
  }
  grouping->names.push_back("#set");
  grouping->set_id = grouping->first_key() + static_cast<int>(keys);
  if (marks_rows) {
    grouping->row_mark = ColumnOf(*from->node, width + static_cast<int>(keys) + 1);
  }
}

// A key of GROUP BY, and its number among them; absent for a bound of the window.
Result<std::optional<int>> QueryBinder::BindKey(const Expression& expression,
                                                const std::vector<OutputItem>& items,
                                                const Relation& from,
                                                ExpressionBinder* binder,
                                                Grouping* grouping) {
  ARROW_ASSIGN_OR_RAISE(std::optional<size_t> position,
                        PositionOf(expression, items.size()));
  ExprPtr key;
  std::string name = OutputName(expression);
  if (position && items[*position].value == nullptr) {
    key = items[*position].input;
    name = items[*position].name;
  } else {
    const Expression& value = position ? *items[*position].value : expression;
    if (position) name = items[*position].name;
    // With WINDOW TUMBLING the bounds are there without being keys.
    const auto* bound = value.As<Name>();
    if (grouping->window && bound != nullptr && bound->path.size() == 1 &&
        (EqualsIgnoreCase(bound->path[0].text, "window_start") ||
         EqualsIgnoreCase(bound->path[0].text, "window_end"))) {
      ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column,
                            from.scope.FindOptional(bound->path));
      if (column == nullptr) return std::nullopt;
    }
    ARROW_ASSIGN_OR_RAISE(key, binder->Bind(value));
  }
  ARROW_RETURN_NOT_OK(CheckKey(*key, expression.where, "GROUP BY"));
  return AddKey(std::move(key), std::move(name), from, grouping);
}

// A bound of the window that a table function gave makes this a windowed aggregation,
// which closes by the watermark; other keys are kept once.
Result<std::optional<int>> QueryBinder::AddKey(ExprPtr key, std::string name,
                                               const Relation& from, Grouping* grouping) {
  if (from.scope.window && key->kind() == expr::ExprKind::kColumn) {
    const int into = key->column() - from.scope.window->first_column;
    if (into >= 0 && into <= 2) {
      if (into < 2) {
        grouping->window = from.scope.window->window;
        return std::nullopt;
      }
    }
  }
  if (key->type()->id() == arrow::Type::NA) {
    key = Expr::Cast(std::move(key), arrow::int32());
  }
  for (size_t i = 0; i < grouping->keys.size(); ++i) {
    if (grouping->keys[i]->Equals(*key)) return static_cast<int>(i);
  }
  grouping->keys.push_back(std::move(key));
  grouping->names.push_back(std::move(name));
  return static_cast<int>(grouping->keys.size()) - 1;
}

}  // namespace millrace::sql
