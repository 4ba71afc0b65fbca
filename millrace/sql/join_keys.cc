#include <numeric>

#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/join_keys_internal.h"

namespace millrace::sql {

using expr::ExprPtr;

Side SideOf(const expr::Expr& expression, int left_width) {
  bool left = false;
  bool right = false;
  for (int column : expr::ColumnsOf(expression)) {
    (column < left_width ? left : right) = true;
  }
  if (left && right) return Side::kBoth;
  return left ? Side::kLeft : right ? Side::kRight : Side::kNone;
}

ExprPtr ShiftColumns(const ExprPtr& expression, int by) {
  const std::vector<int> used = expr::ColumnsOf(*expression);
  if (used.empty()) return expression;
  std::vector<int> to(static_cast<size_t>(used.back()) + 1);
  std::iota(to.begin(), to.end(), by);
  return expr::RemapColumns(expression, to);
}

JoinKeys SplitJoinCondition(const ExprPtr& condition, int left_width) {
  JoinKeys out;
  for (const ExprPtr& term : SplitConjunction(condition)) {
    if (term->kind() == expr::ExprKind::kCall && term->function()->doc.name == "=" &&
        term->is_deterministic()) {
      const ExprPtr& first = term->children()[0];
      const ExprPtr& second = term->children()[1];
      const Side a = SideOf(*first, left_width);
      const Side b = SideOf(*second, left_width);
      if ((a == Side::kLeft && b == Side::kRight) ||
          (a == Side::kRight && b == Side::kLeft)) {
        out.left.push_back(a == Side::kLeft ? first : second);
        out.right.push_back(ShiftColumns(a == Side::kLeft ? second : first, -left_width));
        continue;
      }
    }
    out.residual.push_back(term);
  }
  return out;
}

}  // namespace millrace::sql
