// GROUP BY.
#include <arrow/type.h>

#include "millrace/sql/errors.h"
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
  for (const GroupItem& item : select.group_by) {
    switch (item.kind) {
      case GroupItem::Kind::kExpression: break;
      case GroupItem::Kind::kRollup: return NotSupported(item.where, "ROLLUP");
      case GroupItem::Kind::kCube: return NotSupported(item.where, "CUBE");
      case GroupItem::Kind::kGroupingSets:
        return NotSupported(item.where, "GROUPING SETS");
    }
    ARROW_ASSIGN_OR_RAISE(std::optional<size_t> position,
                          PositionOf(*item.value, items.size()));
    ExprPtr key;
    std::string name = OutputName(*item.value);
    if (position && items[*position].value == nullptr) {
      key = items[*position].input;
      name = items[*position].name;
    } else {
      const Expression& value = position ? *items[*position].value : *item.value;
      if (position) name = items[*position].name;
      // With WINDOW TUMBLING the bounds are there without being keys.
      const auto* bound = value.As<Name>();
      if (out.window && bound != nullptr && bound->path.size() == 1 &&
          (EqualsIgnoreCase(bound->path[0].text, "window_start") ||
           EqualsIgnoreCase(bound->path[0].text, "window_end"))) {
        ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column,
                              from->scope.FindOptional(bound->path));
        if (column == nullptr) continue;
      }
      ARROW_ASSIGN_OR_RAISE(key, binder.Bind(value));
    }
    ARROW_RETURN_NOT_OK(CheckKey(*key, item.value->where, "GROUP BY"));
    ARROW_RETURN_NOT_OK(AddKey(std::move(key), std::move(name), *from, &out));
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
      ARROW_RETURN_NOT_OK(AddKey(std::move(key), item.name, *from, &out));
    }
  }
  if (select.window) {
    for (const ExpressionPtr& value : select.window->partition_by) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr key, binder.Bind(*value));
      ARROW_RETURN_NOT_OK(CheckKey(*key, value->where, "PARTITION BY"));
      ARROW_RETURN_NOT_OK(AddKey(std::move(key), OutputName(*value), *from, &out));
    }
  }
  const bool in_sessions = HoldsSessions(from->node);
  if (in_sessions && from->scope.window) {
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
  return out;
}

// A bound of the window that a table function gave makes this a windowed aggregation,
// which closes by the watermark; other keys are kept once.
Status QueryBinder::AddKey(ExprPtr key, std::string name, const Relation& from,
                           Grouping* grouping) {
  if (from.scope.window && key->kind() == expr::ExprKind::kColumn) {
    const int into = key->column() - from.scope.window->first_column;
    if (into >= 0 && into <= 2) {
      if (into < 2) {
        grouping->window = from.scope.window->window;
        return Status::OK();
      }
    }
  }
  if (key->type()->id() == arrow::Type::NA) {
    key = Expr::Cast(std::move(key), arrow::int32());
  }
  for (const ExprPtr& known : grouping->keys) {
    if (known->Equals(*key)) return Status::OK();
  }
  grouping->keys.push_back(std::move(key));
  grouping->names.push_back(std::move(name));
  return Status::OK();
}

}  // namespace millrace::sql
