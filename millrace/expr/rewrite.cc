#include <algorithm>

#include <arrow/type.h>

#include "millrace/expr/cast.h"
#include "millrace/expr/expression.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

namespace {

void Collect(const Expr& expr, std::vector<int>* columns) {
  if (expr.kind() == ExprKind::kColumn) columns->push_back(expr.column());
  for (const ExprPtr& child : expr.children()) Collect(*child, columns);
}

// Untouched subtrees stay shared.
template <typename Replace>
ExprPtr MapColumns(const ExprPtr& expr, const Replace& replace) {
  if (expr->kind() == ExprKind::kColumn) return replace(expr);
  std::vector<ExprPtr> children;
  children.reserve(expr->children().size());
  bool changed = false;
  for (const ExprPtr& child : expr->children()) {
    children.push_back(MapColumns(child, replace));
    changed |= children.back() != child;
  }
  return changed ? expr->WithChildren(std::move(children)) : expr;
}

}  // namespace

bool CanFail(const Expr& expr) {
  if (expr.kind() == ExprKind::kCall && expr.function()->can_fail) return true;
  if (expr.kind() == ExprKind::kCast && !expr.lenient() &&
      CastCanFail(*expr.children()[0]->type(), *expr.type())) {
    return true;
  }
  return std::any_of(expr.children().begin(), expr.children().end(),
                     [](const ExprPtr& child) { return CanFail(*child); });
}

std::vector<int> ColumnsOf(const Expr& expr) {
  std::vector<int> columns;
  Collect(expr, &columns);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

ExprPtr Substitute(const ExprPtr& expr, const std::vector<ExprPtr>& replacements) {
  return MapColumns(
      expr, [&](const ExprPtr& column) { return replacements[column->column()]; });
}

ExprPtr RemapColumns(const ExprPtr& expr, const std::vector<int>& to) {
  return MapColumns(expr, [&](const ExprPtr& column) {
    const int index = to[column->column()];
    if (index == column->column()) return column;
    ExprPtr moved = Expr::Column(index, column->name(), column->type());
    return column->source() == nullptr ? moved : moved->WithSource(column->source());
  });
}

}  // namespace millrace::expr
