#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/expr/evaluate.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/sql/rules_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using plan::NodePtr;

namespace {

class Folder {
 public:
  explicit Folder(expr::EvalContext& evaluation) : evaluation_(evaluation) {}

  Result<NodePtr> Fold(const NodePtr& node) {
    ARROW_ASSIGN_OR_RAISE(NodePtr out,
                          RewriteInputs(node, [&](const NodePtr& n) { return Fold(n); }));
    if (const auto* filter = plan::As<plan::FilterNode>(out)) return FoldFilter(*filter);
    if (const auto* project = plan::As<plan::ProjectNode>(out)) {
      ARROW_ASSIGN_OR_RAISE(auto expressions, All(project->expressions()));
      return plan::ProjectNode::Make(out->input(), std::move(expressions),
                                     out->schema()->field_names());
    }
    if (const auto* join = plan::As<plan::JoinNode>(out)) {
      ARROW_ASSIGN_OR_RAISE(auto left, All(join->left_keys()));
      ARROW_ASSIGN_OR_RAISE(auto right, All(join->right_keys()));
      ARROW_ASSIGN_OR_RAISE(ExprPtr residual, One(join->residual()));
      return plan::JoinNode::Make(out->inputs()[0], out->inputs()[1], join->type(),
                                  std::move(left), std::move(right), residual);
    }
    if (const auto* aggregate = plan::As<plan::AggregateNode>(out)) {
      return FoldAggregate(*aggregate);
    }
    if (const auto* over = plan::As<plan::OverNode>(out)) return FoldOver(*over);
    if (const auto* sort = plan::As<plan::SortNode>(out)) {
      std::vector<plan::SortKey> keys = sort->keys();
      for (plan::SortKey& key : keys) {
        ARROW_ASSIGN_OR_RAISE(key.expression, One(key.expression));
      }
      return plan::SortNode::Make(out->input(), std::move(keys), sort->limit(),
                                  sort->offset());
    }
    return out;
  }

 private:
  Result<ExprPtr> One(const ExprPtr& expression) {
    if (expression == nullptr) return expression;
    return expr::FoldConstants(expression, evaluation_);
  }

  Result<std::vector<ExprPtr>> All(const std::vector<ExprPtr>& expressions) {
    std::vector<ExprPtr> out;
    for (const ExprPtr& expression : expressions) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr folded, One(expression));
      out.push_back(std::move(folded));
    }
    return out;
  }

  Result<NodePtr> FoldFilter(const plan::FilterNode& filter) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr condition, One(filter.condition()));
    if (condition->kind() == expr::ExprKind::kLiteral && condition->literal()->is_valid &&
        static_cast<const arrow::BooleanScalar&>(*condition->literal()).value) {
      return filter.input();
    }
    return plan::FilterNode::Make(filter.input(), std::move(condition));
  }

  Result<NodePtr> FoldOver(const plan::OverNode& node) {
    ARROW_ASSIGN_OR_RAISE(auto partition, All(node.partition()));
    std::vector<plan::SortKey> order = node.order();
    for (plan::SortKey& key : order) {
      ARROW_ASSIGN_OR_RAISE(key.expression, One(key.expression));
    }
    std::vector<plan::OverCall> calls = node.calls();
    for (plan::OverCall& call : calls) {
      ARROW_ASSIGN_OR_RAISE(call.aggregate.arguments, All(call.aggregate.arguments));
      ARROW_ASSIGN_OR_RAISE(call.aggregate.filter, One(call.aggregate.filter));
      ARROW_ASSIGN_OR_RAISE(call.otherwise, One(call.otherwise));
    }
    return plan::OverNode::Make(node.input(), std::move(partition), std::move(order),
                                std::move(calls), node.by_time());
  }

  Result<NodePtr> FoldAggregate(const plan::AggregateNode& node) {
    ARROW_ASSIGN_OR_RAISE(auto keys, All(node.keys()));
    std::vector<plan::AggregateCall> calls = node.aggregates();
    for (plan::AggregateCall& call : calls) {
      ARROW_ASSIGN_OR_RAISE(call.arguments, All(call.arguments));
      ARROW_ASSIGN_OR_RAISE(call.filter, One(call.filter));
    }
    return plan::AggregateNode::Make(node.input(), std::move(keys), KeyNames(node),
                                     std::move(calls), node.window(), node.emission());
  }

  expr::EvalContext& evaluation_;
};

}  // namespace

Result<NodePtr> FoldPlanConstants(NodePtr root, const RuleContext& context) {
  return Folder(context.evaluation).Fold(root);
}

}  // namespace millrace::sql
