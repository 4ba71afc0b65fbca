// Joins: equalities become keys, the rest of ON decides which matches count.
#include <arrow/type.h>

#include "millrace/plan/errors.h"
#include "millrace/plan/join_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/join_keys_internal.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;

namespace {

// The columns of both sides, over a node that has the left ones first.
Scope Combine(const Scope& left, const Scope& right, int left_width) {
  Scope out;
  out.columns = left.columns;
  out.event_time = left.event_time;
  for (const ScopeColumn& column : right.columns) {
    ScopeColumn moved = column;
    moved.value = ShiftColumns(column.value, left_width);
    out.columns.push_back(std::move(moved));
  }
  return out;
}

plan::JoinType TypeOf(Join::Kind kind) {
  switch (kind) {
    case Join::Kind::kInner:
    case Join::Kind::kCross: return plan::JoinType::kInner;
    case Join::Kind::kLeft: return plan::JoinType::kLeft;
    case Join::Kind::kRight: return plan::JoinType::kRight;
    case Join::Kind::kFull: return plan::JoinType::kFull;
  }
  return plan::JoinType::kInner;
}

// The same table name twice would make every column of it ambiguous without remedy.
Status CheckNames(const Scope& left, const Scope& right, Location where) {
  for (const ScopeColumn& l : left.columns) {
    for (const ScopeColumn& r : right.columns) {
      if (l.table.empty() || !EqualsIgnoreCase(l.table, r.table)) continue;
      return errors::kSqlNameTaken.Make(
          where.ToWhere(), "both sides of the join are called {}; give one an alias",
          l.table);
    }
  }
  return Status::OK();
}

}  // namespace

Result<Relation> QueryBinder::CrossJoin(Relation left, Relation right,
                                        Location right_where) {
  ARROW_RETURN_NOT_OK(CheckNames(left.scope, right.scope, right_where));
  const int width = left.node->schema()->num_fields();
  Relation out;
  out.scope = Combine(left.scope, right.scope, width);
  if (!right.node->bounded()) {
    return errors::kNeedsBoundedInput.Make({}, "the right side of a join");
  }
  out.node = plan::JoinNode::Make(std::move(left.node), std::move(right.node),
                                  plan::JoinType::kInner, {}, {});
  return out;
}

Result<Relation> QueryBinder::BindJoin(const Join& join, Location where) {
  if (join.within) return NotSupported(join.within->where, "WITHIN");
  ARROW_ASSIGN_OR_RAISE(Relation left, BindTable(*join.left));
  ARROW_ASSIGN_OR_RAISE(Relation right, BindTable(*join.right));
  const Location right_where = join.right->where;
  ARROW_RETURN_NOT_OK(CheckNames(left.scope, right.scope, right_where));
  const plan::JoinType type = TypeOf(join.kind);
  const int width = left.node->schema()->num_fields();
  Relation out;
  out.scope = Combine(left.scope, right.scope, width);

  std::vector<Identifier> shared = join.using_columns;
  if (join.natural) {
    for (const ScopeColumn& column : left.scope.columns) {
      const Path path{Identifier{column.name, true, where}};
      ARROW_ASSIGN_OR_RAISE(const ScopeColumn* same, right.scope.FindOptional(path));
      if (same != nullptr && column.in_star) shared.push_back(path[0]);
    }
  }
  JoinKeys keys;
  std::vector<ScopeColumn> merged;
  for (const Identifier& name : shared) {
    ARROW_ASSIGN_OR_RAISE(const ScopeColumn* l, left.scope.Find({name}));
    ARROW_ASSIGN_OR_RAISE(const ScopeColumn* r, right.scope.Find({name}));
    ARROW_ASSIGN_OR_RAISE(
        expr::TypePtr common,
        CommonTypeAt(l->value->type(), r->value->type(), name.where, name.text));
    keys.left.push_back(Expr::Cast(l->value, common));
    keys.right.push_back(Expr::Cast(r->value, common));
    // The side that is always there gives the value.
    ExprPtr value = Expr::Cast(l->value, common);
    const ExprPtr other = Expr::Cast(ShiftColumns(r->value, width), common);
    if (type == plan::JoinType::kRight) value = other;
    if (type == plan::JoinType::kFull) {
      ARROW_ASSIGN_OR_RAISE(value,
                            Expr::Call(*context_.functions, "coalesce", {value, other}));
    }
    merged.push_back({"", l->name, std::move(value)});
    for (ScopeColumn& column : out.scope.columns) {
      if (!EqualsIgnoreCase(column.name, name.text)) continue;
      column.in_star = false;
      column.unqualified = false;
    }
  }
  out.scope.columns.insert(out.scope.columns.begin(), merged.begin(), merged.end());

  if (join.on != nullptr) {
    ExpressionBinder binder(context_, out.scope);
    ARROW_ASSIGN_OR_RAISE(ExprPtr condition, binder.BindCondition(*join.on, "ON"));
    keys = SplitJoinCondition(condition, width);
  }
  if (keys.left.empty() && type != plan::JoinType::kInner) {
    return NotSupported(join.on != nullptr ? join.on->where : where,
                        "an outer join without an equality of both sides");
  }
  if (!right.node->bounded()) {
    return errors::kNeedsBoundedInput.Make(right_where.ToWhere(),
                                           "the right side of a join");
  }
  const bool keeps_right =
      type == plan::JoinType::kRight || type == plan::JoinType::kFull;
  if (keeps_right && !left.node->bounded()) {
    return errors::kNeedsBoundedInput.Make(join.left->where.ToWhere(),
                                           "the left side of RIGHT and FULL JOIN");
  }
  ARROW_ASSIGN_OR_RAISE(ExprPtr residual,
                        Conjunction(std::move(keys.residual), *context_.functions));
  out.node = plan::JoinNode::Make(std::move(left.node), std::move(right.node), type,
                                  std::move(keys.left), std::move(keys.right),
                                  std::move(residual));
  return out;
}

}  // namespace millrace::sql
