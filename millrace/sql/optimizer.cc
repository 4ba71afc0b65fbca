#include "millrace/sql/optimizer.h"

#include <arrow/type.h>

#include "millrace/plan/project_node.h"
#include "millrace/sql/rules_internal.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

using plan::NodePtr;

namespace {

// Folding early shows which conditions are plain comparisons; pruning last, because a
// condition moved into a source needs its columns no longer above.
constexpr OptimizerRule kRules[] = {
    {"merge_projects", "Makes one projection of two.", MergeProjects},
    {"fold_constants", "Replaces constant expressions by their values.",
     FoldPlanConstants},
    {"push_filters", "Moves conditions towards the sources.", PushFilters},
    {"push_limits", "Tells sources and sorts how many rows are wanted.", PushLimits},
    {"prune_columns", "Reads only the columns that are used.", PruneColumns},
};

}  // namespace

std::span<const OptimizerRule> OptimizerRules() { return kRules; }

Result<NodePtr> Optimize(NodePtr root, const expr::FunctionRegistry& functions,
                         expr::EvalContext& evaluation) {
  const RuleContext context{functions, evaluation};
  for (const OptimizerRule& rule : kRules) {
    ARROW_ASSIGN_OR_RAISE(root, rule.apply(std::move(root), context));
  }
  return root;
}

Result<NodePtr> RewriteInputs(
    const NodePtr& node, const std::function<Result<NodePtr>(const NodePtr&)>& rewrite) {
  std::vector<NodePtr> inputs;
  bool changed = false;
  for (const NodePtr& input : node->inputs()) {
    ARROW_ASSIGN_OR_RAISE(NodePtr rewritten, rewrite(input));
    changed |= rewritten != input;
    inputs.push_back(std::move(rewritten));
  }
  return changed ? node->WithInputs(std::move(inputs)) : node;
}

namespace {

constexpr int kLargestExpression = 300;

// Nodes of `expression`, counting stops past the largest that is of interest.
int SizeOf(const expr::Expr& expression) {
  int size = 1;
  for (const expr::ExprPtr& child : expression.children()) {
    if (size > kLargestExpression) break;
    size += SizeOf(*child);
  }
  return size;
}

int SizeAfter(const expr::Expr& expression,
              const std::vector<expr::ExprPtr>& replacements) {
  if (expression.kind() == expr::ExprKind::kColumn) {
    const auto& replacement = replacements[static_cast<size_t>(expression.column())];
    return replacement == nullptr ? 1 : SizeOf(*replacement);
  }
  int size = 1;
  for (const expr::ExprPtr& child : expression.children()) {
    if (size > kLargestExpression) break;
    size += SizeAfter(*child, replacements);
  }
  return size;
}

}  // namespace

bool CanSubstitute(const expr::Expr& expression,
                   const std::vector<expr::ExprPtr>& replacements) {
  return SizeAfter(expression, replacements) <= kLargestExpression;
}

std::vector<std::string> KeyNames(const plan::AggregateNode& node) {
  std::vector<std::string> out;
  const int first = node.window() ? 2 : 0;
  for (size_t i = 0; i < node.keys().size(); ++i) {
    out.push_back(node.schema()->field(first + static_cast<int>(i))->name());
  }
  return out;
}

NodePtr SelectColumns(NodePtr node, const std::vector<int>& columns,
                      const std::vector<std::string>& names) {
  bool same = static_cast<int>(columns.size()) == node->schema()->num_fields();
  std::vector<expr::ExprPtr> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    same &= columns[i] == static_cast<int>(i) &&
            node->schema()->field(columns[i])->name() == names[i];
    values.push_back(ColumnOf(*node, columns[i]));
  }
  if (same) return node;
  return plan::ProjectNode::Make(std::move(node), std::move(values), names);
}

}  // namespace millrace::sql
