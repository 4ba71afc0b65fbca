// Taking a join condition apart.
#pragma once

#include <vector>

#include "millrace/expr/expression.h"

namespace millrace::sql {

struct JoinKeys {
  std::vector<expr::ExprPtr> left;      ///< over the left input
  std::vector<expr::ExprPtr> right;     ///< over the right input
  std::vector<expr::ExprPtr> residual;  ///< over both
};

/// Equalities between the sides of `condition`, a condition over the columns of the left
/// input (`left_width` of them) and then the right, and what is left of it.
JoinKeys SplitJoinCondition(const expr::ExprPtr& condition, int left_width);

/// Which side of a join an expression reads.
enum class Side { kNone, kLeft, kRight, kBoth };
Side SideOf(const expr::Expr& expression, int left_width);

/// `expression` with every column index moved by `by`.
expr::ExprPtr ShiftColumns(const expr::ExprPtr& expression, int by);

}  // namespace millrace::sql
