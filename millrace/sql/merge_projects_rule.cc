#include <algorithm>

#include <arrow/type.h>

#include "millrace/plan/project_node.h"
#include "millrace/sql/rules_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using plan::NodePtr;

namespace {

void CountColumns(const expr::Expr& expression, std::vector<int>* uses) {
  if (expression.kind() == expr::ExprKind::kColumn) {
    ++(*uses)[static_cast<size_t>(expression.column())];
  }
  for (const ExprPtr& child : expression.children()) CountColumns(*child, uses);
}

// Nothing is computed twice, and nothing that differs from call to call moves.
bool CanMerge(const plan::ProjectNode& outer, const plan::ProjectNode& inner) {
  std::vector<int> uses(inner.expressions().size());
  for (const ExprPtr& expression : outer.expressions()) {
    if (!CanSubstitute(*expression, inner.expressions())) return false;
    CountColumns(*expression, &uses);
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    const expr::Expr& below = *inner.expressions()[i];
    const bool free = below.kind() == expr::ExprKind::kColumn ||
                      below.kind() == expr::ExprKind::kLiteral;
    if (!free && (uses[i] > 1 || !below.is_deterministic())) return false;
  }
  return true;
}

}  // namespace

Result<NodePtr> MergeProjects(NodePtr root, const RuleContext& context) {
  ARROW_ASSIGN_OR_RAISE(NodePtr out, RewriteInputs(root, [&](const NodePtr& node) {
                          return MergeProjects(node, context);
                        }));
  const auto* outer = plan::As<plan::ProjectNode>(out);
  if (outer == nullptr) return out;
  const auto* inner = plan::As<plan::ProjectNode>(out->input());
  if (inner == nullptr || !CanMerge(*outer, *inner)) return out;
  std::vector<ExprPtr> merged;
  for (const ExprPtr& expression : outer->expressions()) {
    merged.push_back(expr::Substitute(expression, inner->expressions()));
  }
  return plan::ProjectNode::Make(inner->input(), std::move(merged),
                                 out->schema()->field_names());
}

}  // namespace millrace::sql
