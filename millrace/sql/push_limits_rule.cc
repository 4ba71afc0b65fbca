#include "millrace/plan/limit_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/sql/rules_internal.h"

namespace millrace::sql {

using plan::NodePtr;

namespace {

// `node` told that nobody reads more than `rows` of it, or `node` itself.
NodePtr Limited(const NodePtr& node, int64_t rows) {
  if (plan::As<plan::ProjectNode>(node) != nullptr) {
    NodePtr input = Limited(node->input(), rows);
    return input == node->input() ? node : node->WithInputs({std::move(input)});
  }
  if (const auto* scan = plan::As<plan::ScanNode>(node)) {
    if (scan->limit() && *scan->limit() <= rows) return node;
    return plan::ScanNode::Make(scan->table(), scan->columns(), scan->predicate(), rows);
  }
  if (const auto* sort = plan::As<plan::SortNode>(node)) {
    if (sort->limit() && *sort->limit() <= rows) return node;
    return plan::SortNode::Make(node->input(), sort->keys(), rows, sort->offset());
  }
  return node;
}

Result<NodePtr> Push(const NodePtr& node) {
  ARROW_ASSIGN_OR_RAISE(NodePtr out, RewriteInputs(node, Push));
  const auto* limit = plan::As<plan::LimitNode>(out);
  int64_t rows = 0;
  if (limit == nullptr ||
      __builtin_add_overflow(limit->limit(), limit->offset(), &rows)) {
    return out;
  }
  NodePtr input = Limited(out->input(), rows);
  return input == out->input() ? out : out->WithInputs({std::move(input)});
}

}  // namespace

Result<NodePtr> PushLimits(NodePtr root, const RuleContext&) { return Push(root); }

}  // namespace millrace::sql
