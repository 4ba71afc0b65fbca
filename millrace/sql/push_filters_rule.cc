#include <algorithm>

#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/expr/evaluate.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/window_node.h"
#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/join_keys_internal.h"
#include "millrace/sql/predicate_internal.h"
#include "millrace/sql/rules_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using plan::JoinType;
using plan::NodePtr;

namespace {

using Conditions = std::vector<ExprPtr>;

bool IsTrue(const expr::Expr& condition) {
  return condition.kind() == expr::ExprKind::kLiteral && condition.literal()->is_valid &&
         static_cast<const arrow::BooleanScalar&>(*condition.literal()).value;
}

// WHERE c.flag AND 10 / o.qty > 1: alone the second would fail on rows that the first
// keeps from it, so what can fail is not parted from the conditions beside it.
bool CanMoveAlone(const expr::Expr& condition) {
  return condition.is_deterministic() && !expr::CanFail(condition);
}

class FilterPusher {
 public:
  explicit FilterPusher(const RuleContext& context) : context_(context) {}

  // `node` reduced to the rows for which all of `conditions`, over its columns, hold. The
  // order of conditions stays: an earlier one may guard a later one from failing.
  Result<NodePtr> Push(const NodePtr& node, Conditions conditions) {
    if (const auto* filter = plan::As<plan::FilterNode>(node)) {
      Conditions all = SplitConjunction(filter->condition());
      all.insert(all.end(), conditions.begin(), conditions.end());
      return Push(node->input(), std::move(all));
    }
    if (plan::As<plan::ProjectNode>(node) != nullptr)
      return IntoProject(node, conditions);
    if (plan::As<plan::JoinNode>(node) != nullptr) return IntoJoin(node, conditions);
    if (plan::As<plan::AggregateNode>(node) != nullptr) {
      return IntoAggregate(node, conditions);
    }
    if (const auto* sort = plan::As<plan::SortNode>(node);
        sort != nullptr && !sort->limit() && sort->offset() == 0) {
      return Through(node, conditions);
    }
    if (plan::As<plan::UnionNode>(node) != nullptr) return Through(node, conditions);
    if (plan::As<plan::WindowNode>(node) != nullptr) {
      const int width = node->input()->schema()->num_fields();
      return Split(node, conditions, [width](const ExprPtr& condition) {
        return SideOf(*condition, width) == Side::kLeft;
      });
    }
    if (const auto* over = plan::As<plan::OverNode>(node)) {
      return Split(node, conditions, [over](const ExprPtr& condition) {
        return OnPartition(*condition, *over);
      });
    }
    if (const auto* scan = plan::As<plan::ScanNode>(node)) {
      return IntoScan(*scan, node, conditions);
    }
    ARROW_ASSIGN_OR_RAISE(
        NodePtr out, RewriteInputs(node, [&](const NodePtr& n) { return Push(n, {}); }));
    return Above(std::move(out), conditions);
  }

 private:
  // Such a condition holds for all rows of a partition or for none.
  static bool OnPartition(const expr::Expr& condition, const plan::OverNode& over) {
    const std::vector<int> used = expr::ColumnsOf(condition);
    return !used.empty() && std::all_of(used.begin(), used.end(), [&](int column) {
      return std::any_of(
          over.partition().begin(), over.partition().end(), [column](const ExprPtr& key) {
            return key->kind() == expr::ExprKind::kColumn && key->column() == column;
          });
    });
  }

  Result<NodePtr> Above(NodePtr node, Conditions conditions) {
    std::erase_if(conditions,
                  [](const ExprPtr& condition) { return IsTrue(*condition); });
    ARROW_ASSIGN_OR_RAISE(ExprPtr all, Conjunction(conditions, context_.functions));
    if (all == nullptr) return node;
    return plan::FilterNode::Make(std::move(node), std::move(all));
  }

  // Into every input; the columns are the same.
  Result<NodePtr> Through(const NodePtr& node, const Conditions& conditions) {
    return RewriteInputs(node, [&](const NodePtr& n) { return Push(n, conditions); });
  }

  // Those that `passes` go into the single input, the others stay above.
  Result<NodePtr> Split(const NodePtr& node, const Conditions& conditions,
                        const std::function<bool(const ExprPtr&)>& passes) {
    Conditions below;
    Conditions above;
    for (const ExprPtr& condition : conditions) {
      const bool moves = CanMoveAlone(*condition) && passes(condition);
      (moves ? below : above).push_back(condition);
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr input, Push(node->input(), std::move(below)));
    return Above(node->WithInputs({std::move(input)}), above);
  }

  Result<NodePtr> IntoProject(const NodePtr& node, const Conditions& conditions) {
    const auto& expressions = plan::As<plan::ProjectNode>(node)->expressions();
    Conditions below;
    Conditions above;
    for (const ExprPtr& condition : conditions) {
      const std::vector<int> used = expr::ColumnsOf(*condition);
      const bool moves = std::all_of(used.begin(), used.end(), [&](int column) {
        return expressions[static_cast<size_t>(column)]->is_deterministic();
      });
      const bool guarded = !above.empty() && expr::CanFail(*condition);
      if (moves && !guarded && CanSubstitute(*condition, expressions)) {
        // SELECT 1 AS k … WHERE k = 1 is decided here.
        ARROW_ASSIGN_OR_RAISE(
            ExprPtr moved, expr::FoldConstants(expr::Substitute(condition, expressions),
                                               context_.evaluation));
        if (!IsTrue(*moved)) below.push_back(std::move(moved));
      } else {
        above.push_back(condition);
      }
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr input, Push(node->input(), std::move(below)));
    return Above(node->WithInputs({std::move(input)}), above);
  }

  // A condition on keys alone holds for all rows of a group or for none.
  Result<NodePtr> IntoAggregate(const NodePtr& node, const Conditions& conditions) {
    const auto* aggregate = plan::As<plan::AggregateNode>(node);
    const int first = aggregate->window() ? 2 : 0;
    const int end = first + static_cast<int>(aggregate->keys().size());
    std::vector<ExprPtr> replacements(static_cast<size_t>(first));
    replacements.insert(replacements.end(), aggregate->keys().begin(),
                        aggregate->keys().end());
    Conditions below;
    Conditions above;
    for (const ExprPtr& condition : conditions) {
      const std::vector<int> used = expr::ColumnsOf(*condition);
      const bool on_keys =
          !used.empty() && used.front() >= first && used.back() < end &&
          CanMoveAlone(*condition) &&
          std::all_of(aggregate->keys().begin(), aggregate->keys().end(),
                      [](const ExprPtr& key) { return key->is_deterministic(); });
      if (on_keys && CanSubstitute(*condition, replacements)) {
        below.push_back(expr::Substitute(condition, replacements));
      } else {
        above.push_back(condition);
      }
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr input, Push(node->input(), std::move(below)));
    return Above(node->WithInputs({std::move(input)}), above);
  }

  Result<NodePtr> IntoJoin(const NodePtr& node, const Conditions& conditions) {
    const auto* join = plan::As<plan::JoinNode>(node);
    const JoinType type = join->type();
    const int width = node->inputs()[0]->schema()->num_fields();
    // A side whose rows all survive the join may be filtered before it.
    const bool left_kept = type != JoinType::kRight && type != JoinType::kFull;
    const bool right_kept = type == JoinType::kInner || type == JoinType::kRight;
    Conditions left, right, above;
    Conditions residual;
    std::vector<ExprPtr> left_keys = join->left_keys();
    std::vector<ExprPtr> right_keys = join->right_keys();
    for (const ExprPtr& condition : conditions) {
      const Side side = SideOf(*condition, width);
      const bool movable = CanMoveAlone(*condition);
      if (movable && left_kept && side == Side::kLeft) {
        left.push_back(condition);
      } else if (movable && right_kept && side == Side::kRight) {
        right.push_back(ShiftColumns(condition, -width));
      } else if (type == JoinType::kInner && side == Side::kBoth &&
                 condition->is_deterministic()) {
        JoinKeys keys = SplitJoinCondition(condition, width);
        left_keys.insert(left_keys.end(), keys.left.begin(), keys.left.end());
        right_keys.insert(right_keys.end(), keys.right.begin(), keys.right.end());
        residual.insert(residual.end(), keys.residual.begin(), keys.residual.end());
      } else {
        above.push_back(condition);
      }
    }
    // Of ON, a condition on the side that may be missing decides only what matches, so it
    // can filter that side.
    Conditions on;
    for (const ExprPtr& term : SplitConjunction(join->residual())) {
      if (IsTrue(*term)) continue;
      const Side side = SideOf(*term, width);
      const bool movable = CanMoveAlone(*term);
      const bool filters_right =
          type == JoinType::kInner || type == JoinType::kLeft || type == JoinType::kSemi;
      const bool filters_left =
          type == JoinType::kInner || type == JoinType::kRight || type == JoinType::kSemi;
      if (movable && filters_right && side == Side::kRight) {
        right.push_back(ShiftColumns(term, -width));
      } else if (movable && filters_left && side == Side::kLeft) {
        left.push_back(term);
      } else {
        on.push_back(term);
      }
    }
    on.insert(on.end(), residual.begin(), residual.end());
    ARROW_ASSIGN_OR_RAISE(NodePtr l, Push(node->inputs()[0], std::move(left)));
    ARROW_ASSIGN_OR_RAISE(NodePtr r, Push(node->inputs()[1], std::move(right)));
    ARROW_ASSIGN_OR_RAISE(ExprPtr rest, Conjunction(std::move(on), context_.functions));
    return Above(
        plan::JoinNode::Make(std::move(l), std::move(r), type, std::move(left_keys),
                             std::move(right_keys), std::move(rest)),
        above);
  }

  // The source may skip rows by statistics; the filter above decides.
  Result<NodePtr> IntoScan(const plan::ScanNode& scan, const NodePtr& node,
                           const Conditions& conditions) {
    std::vector<data::PredicatePtr> terms;
    if (scan.predicate() != nullptr) terms.push_back(scan.predicate());
    for (const ExprPtr& condition : conditions) {
      data::PredicatePtr term = ToPredicate(condition, context_);
      if (term != nullptr) terms.push_back(std::move(term));
    }
    NodePtr out = node;
    if (!terms.empty()) {
      data::PredicatePtr predicate = terms[0];
      if (terms.size() > 1) {
        auto all = std::make_shared<data::Predicate>();
        all->kind = data::Predicate::Kind::kAnd;
        all->children = std::move(terms);
        predicate = std::move(all);
      }
      out = plan::ScanNode::Make(scan.table(), scan.columns(), std::move(predicate),
                                 scan.limit());
    }
    return Above(std::move(out), conditions);
  }

  const RuleContext& context_;
};

}  // namespace

Result<NodePtr> PushFilters(NodePtr root, const RuleContext& context) {
  return FilterPusher(context).Push(root, {});
}

}  // namespace millrace::sql
