#include <numeric>

#include <arrow/type.h>

#include "millrace/plan/expand_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/window_node.h"
#include "millrace/sql/rules_internal.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using plan::NodePtr;

namespace {

/// Which columns of a node somebody looks at.
using Needed = std::vector<bool>;

/// A node with fewer columns, and where the old ones went (-1: nowhere).
struct Pruned {
  NodePtr node;
  std::vector<int> to;
};

size_t Width(const NodePtr& node) {
  return static_cast<size_t>(node->schema()->num_fields());
}

void Need(const ExprPtr& expression, Needed* needed) {
  if (expression == nullptr) return;
  for (int column : expr::ColumnsOf(*expression)) {
    (*needed)[static_cast<size_t>(column)] = true;
  }
}

void Need(const std::vector<ExprPtr>& expressions, Needed* needed) {
  for (const ExprPtr& expression : expressions) Need(expression, needed);
}

ExprPtr Remap(const ExprPtr& expression, const std::vector<int>& to) {
  return expression == nullptr ? nullptr : expr::RemapColumns(expression, to);
}

std::vector<ExprPtr> Remap(const std::vector<ExprPtr>& expressions,
                           const std::vector<int>& to) {
  std::vector<ExprPtr> out;
  for (const ExprPtr& expression : expressions) out.push_back(Remap(expression, to));
  return out;
}

std::vector<int> Identity(size_t size) {
  std::vector<int> out(size);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

class Pruner {
 public:
  // `node` with exactly the columns it has.
  Result<NodePtr> Whole(const NodePtr& node) {
    ARROW_ASSIGN_OR_RAISE(Pruned pruned, Prune(node, Needed(Width(node), true)));
    return SelectColumns(std::move(pruned.node), pruned.to,
                         node->schema()->field_names());
  }

 private:
  Result<Pruned> Prune(const NodePtr& node, Needed needed) {
    if (const auto* scan = plan::As<plan::ScanNode>(node)) return Scan(*scan, needed);
    if (const auto* filter = plan::As<plan::FilterNode>(node)) {
      Need(filter->condition(), &needed);
      ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node->input(), std::move(needed)));
      ExprPtr condition = Remap(filter->condition(), in.to);
      return Pruned{plan::FilterNode::Make(std::move(in.node), std::move(condition)),
                    std::move(in.to)};
    }
    if (plan::As<plan::LimitNode>(node) != nullptr) {
      ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node->input(), std::move(needed)));
      return Pruned{node->WithInputs({std::move(in.node)}), std::move(in.to)};
    }
    if (const auto* sort = plan::As<plan::SortNode>(node)) {
      std::vector<plan::SortKey> keys = sort->keys();
      for (const plan::SortKey& key : keys) Need(key.expression, &needed);
      ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node->input(), std::move(needed)));
      for (plan::SortKey& key : keys) key.expression = Remap(key.expression, in.to);
      return Pruned{plan::SortNode::Make(std::move(in.node), std::move(keys),
                                         sort->limit(), sort->offset()),
                    std::move(in.to)};
    }
    if (const auto* project = plan::As<plan::ProjectNode>(node)) {
      return Project(*project, std::move(needed));
    }
    if (const auto* join = plan::As<plan::JoinNode>(node)) return Join(*join, needed);
    if (const auto* group = plan::As<plan::AggregateNode>(node)) {
      return Aggregate(*group, needed);
    }
    if (const auto* window = plan::As<plan::WindowNode>(node)) {
      return Window(*window, needed);
    }
    if (const auto* over = plan::As<plan::OverNode>(node)) return Over(*over, needed);
    if (const auto* expand = plan::As<plan::ExpandNode>(node)) {
      return Expand(*expand, needed);
    }
    if (plan::As<plan::UnionNode>(node) != nullptr) return Union(node, needed);
    ARROW_ASSIGN_OR_RAISE(
        NodePtr out, RewriteInputs(node, [&](const NodePtr& n) { return Whole(n); }));
    return Pruned{std::move(out), Identity(Width(node))};
  }

  // COUNT(*) looks at no column, yet rows must come from somewhere: the cheapest column.
  static size_t Narrowest(const arrow::Schema& schema) {
    size_t best = 0;
    int best_bits = 1 << 20;
    for (int i = 0; i < schema.num_fields(); ++i) {
      const int bits = schema.field(i)->type()->bit_width();
      if (bits > 0 && bits < best_bits) {
        best = static_cast<size_t>(i);
        best_bits = bits;
      }
    }
    return best;
  }

  Result<Pruned> Scan(const plan::ScanNode& scan, Needed needed) {
    if (std::find(needed.begin(), needed.end(), true) == needed.end() &&
        !needed.empty()) {
      needed[Narrowest(*scan.schema())] = true;
    }
    std::vector<int> columns;
    std::vector<int> to(needed.size(), -1);
    for (size_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      to[i] = static_cast<int>(columns.size());
      columns.push_back(scan.columns()[i]);
    }
    return Pruned{plan::ScanNode::Make(scan.table(), std::move(columns), scan.predicate(),
                                       scan.limit()),
                  std::move(to)};
  }

  Result<Pruned> Project(const plan::ProjectNode& project, Needed needed) {
    if (std::find(needed.begin(), needed.end(), true) == needed.end() &&
        !needed.empty()) {
      needed[0] = true;
    }
    Needed below(Width(project.input()));
    std::vector<ExprPtr> kept;
    std::vector<std::string> names;
    std::vector<int> to(needed.size(), -1);
    for (size_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      to[i] = static_cast<int>(kept.size());
      kept.push_back(project.expressions()[i]);
      names.push_back(project.schema()->field(static_cast<int>(i))->name());
      Need(kept.back(), &below);
    }
    ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(project.input(), std::move(below)));
    kept = Remap(kept, in.to);
    // Columns passed on as they are need no node of their own.
    bool same = kept.size() == Width(in.node);
    for (size_t i = 0; i < kept.size() && same; ++i) {
      same = kept[i]->kind() == expr::ExprKind::kColumn &&
             kept[i]->column() == static_cast<int>(i) &&
             in.node->schema()->field(static_cast<int>(i))->name() == names[i];
    }
    if (same) return Pruned{std::move(in.node), std::move(to)};
    return Pruned{
        plan::ProjectNode::Make(std::move(in.node), std::move(kept), std::move(names)),
        std::move(to)};
  }

  Result<Pruned> Join(const plan::JoinNode& join, const Needed& needed) {
    const size_t left_width = Width(join.inputs()[0]);
    const size_t right_width = Width(join.inputs()[1]);
    const bool left_only =
        join.type() == plan::JoinType::kSemi || join.type() == plan::JoinType::kAnti;
    Needed both(left_width + right_width);
    std::copy(needed.begin(), needed.end(), both.begin());
    Need(join.residual(), &both);
    const auto middle = both.begin() + static_cast<std::ptrdiff_t>(left_width);
    Needed left(both.begin(), middle);
    Needed right(middle, both.end());
    Need(join.left_keys(), &left);
    Need(join.right_keys(), &right);
    ARROW_ASSIGN_OR_RAISE(Pruned l, Prune(join.inputs()[0], std::move(left)));
    ARROW_ASSIGN_OR_RAISE(Pruned r, Prune(join.inputs()[1], std::move(right)));
    const int shift = static_cast<int>(Width(l.node));
    std::vector<int> to = l.to;
    for (int column : r.to) to.push_back(column < 0 ? -1 : column + shift);
    NodePtr node = plan::JoinNode::Make(
        std::move(l.node), std::move(r.node), join.type(), Remap(join.left_keys(), l.to),
        Remap(join.right_keys(), r.to), Remap(join.residual(), to));
    if (left_only) to.resize(left_width);
    return Pruned{std::move(node), std::move(to)};
  }

  Result<Pruned> Aggregate(const plan::AggregateNode& group, const Needed& needed) {
    const size_t first = group.window() ? 2 : 0;
    const size_t keys = group.keys().size();
    std::vector<int> to(needed.size(), -1);
    std::iota(to.begin(), to.begin() + static_cast<std::ptrdiff_t>(first + keys), 0);
    std::vector<plan::AggregateCall> calls;
    const std::vector<plan::AggregateCall>& all = group.aggregates();
    for (size_t i = 0; i < all.size(); ++i) {
      const bool last_hope = first + keys == 0 && calls.empty() && i + 1 == all.size();
      if (!needed[first + keys + i] && !last_hope) continue;
      to[first + keys + i] = static_cast<int>(first + keys + calls.size());
      calls.push_back(all[i]);
    }
    NodePtr input = group.input();
    Needed below(Width(input));
    Need(group.keys(), &below);
    for (const plan::AggregateCall& call : calls) {
      Need(call.arguments, &below);
      Need(call.filter, &below);
    }
    std::optional<plan::Window> window = group.window();
    if (window) {
      SkipWindow(&*window, &input, &below);
      below[static_cast<size_t>(window->time_column)] = true;
    }
    ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(input, std::move(below)));
    for (plan::AggregateCall& call : calls) {
      call.arguments = Remap(call.arguments, in.to);
      call.filter = Remap(call.filter, in.to);
    }
    if (window) window->time_column = in.to[static_cast<size_t>(window->time_column)];
    return Pruned{plan::AggregateNode::Make(std::move(in.node),
                                            Remap(group.keys(), in.to), KeyNames(group),
                                            std::move(calls), window, group.emission()),
                  std::move(to)};
  }

  // Where nobody reads the bounds that rows were given below, the aggregation finds them
  // itself, which copies no rows.
  static void SkipWindow(plan::Window* window, NodePtr* input, Needed* needed) {
    const auto* below = plan::As<plan::WindowNode>(*input);
    if (below == nullptr || !window->assigned) return;
    const size_t width = Width(below->input());
    for (size_t i = width; i < needed->size(); ++i) {
      if ((*needed)[i]) return;
    }
    needed->resize(width);
    const plan::Window own = *window;
    *window = below->window();
    // What is of the aggregation.
    window->grace_micros = own.grace_micros;
    window->late = own.late;
    *input = NodePtr(below->input());
  }

  Result<Pruned> Window(const plan::WindowNode& node, const Needed& needed) {
    const size_t width = Width(node.input());
    Needed below(needed.begin(), needed.begin() + static_cast<std::ptrdiff_t>(width));
    plan::Window window = node.window();
    below[static_cast<size_t>(window.time_column)] = true;
    ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node.input(), std::move(below)));
    window.time_column = in.to[static_cast<size_t>(window.time_column)];
    const int first = static_cast<int>(Width(in.node));
    for (int i = 0; i < 3; ++i) in.to.push_back(first + i);
    return Pruned{plan::WindowNode::Make(std::move(in.node), window), std::move(in.to)};
  }

  Result<Pruned> Over(const plan::OverNode& node, const Needed& needed) {
    const size_t width = Width(node.input());
    Needed below(needed.begin(), needed.begin() + static_cast<std::ptrdiff_t>(width));
    std::vector<plan::OverCall> calls;
    std::vector<size_t> kept;
    for (size_t i = 0; i < node.calls().size(); ++i) {
      if (!needed[width + i]) continue;
      kept.push_back(i);
      calls.push_back(node.calls()[i]);
      Need(calls.back().aggregate.arguments, &below);
      Need(calls.back().aggregate.filter, &below);
      Need(calls.back().otherwise, &below);
    }
    // Nothing is left of it but that rows come late.
    if (calls.empty() && !node.by_time()) {
      ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node.input(), std::move(below)));
      in.to.resize(needed.size(), -1);
      return in;
    }
    std::vector<plan::SortKey> order = node.order();
    for (const plan::SortKey& key : order) Need(key.expression, &below);
    Need(node.partition(), &below);
    ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node.input(), std::move(below)));
    for (plan::OverCall& call : calls) {
      call.aggregate.arguments = Remap(call.aggregate.arguments, in.to);
      call.aggregate.filter = Remap(call.aggregate.filter, in.to);
      call.otherwise = Remap(call.otherwise, in.to);
    }
    for (plan::SortKey& key : order) key.expression = Remap(key.expression, in.to);
    const int first = static_cast<int>(Width(in.node));
    in.to.resize(width + node.calls().size(), -1);
    for (size_t i = 0; i < kept.size(); ++i)
      in.to[width + kept[i]] = first + static_cast<int>(i);
    return Pruned{
        plan::OverNode::Make(std::move(in.node), Remap(node.partition(), in.to),
                             std::move(order), std::move(calls), node.by_time()),
        std::move(in.to)};
  }

  Result<Pruned> Expand(const plan::ExpandNode& node, const Needed& needed) {
    const size_t width = Width(node.input());
    Needed below(needed.begin(), needed.begin() + static_cast<std::ptrdiff_t>(width));
    Need(node.keys(), &below);
    ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(node.input(), std::move(below)));
    const int shift = static_cast<int>(Width(in.node)) - static_cast<int>(width);
    for (size_t i = width; i < needed.size(); ++i) {
      in.to.push_back(static_cast<int>(i) + shift);
    }
    return Pruned{
        plan::ExpandNode::Make(std::move(in.node), Remap(node.keys(), in.to),
                               node.key_names(), node.sets(), node.marks_rows()),
        std::move(in.to)};
  }

  Result<Pruned> Union(const NodePtr& node, Needed needed) {
    if (std::find(needed.begin(), needed.end(), true) == needed.end()) needed[0] = true;
    std::vector<NodePtr> inputs;
    std::vector<int> to(needed.size(), -1);
    std::vector<std::string> names;
    for (size_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      to[i] = static_cast<int>(names.size());
      names.push_back(node->schema()->field(static_cast<int>(i))->name());
    }
    for (const NodePtr& input : node->inputs()) {
      ARROW_ASSIGN_OR_RAISE(Pruned in, Prune(input, needed));
      std::vector<int> columns;
      for (size_t i = 0; i < needed.size(); ++i) {
        if (needed[i]) columns.push_back(in.to[i]);
      }
      inputs.push_back(SelectColumns(std::move(in.node), columns, names));
    }
    return Pruned{plan::UnionNode::Make(std::move(inputs)), std::move(to)};
  }
};

}  // namespace

Result<NodePtr> PruneColumns(NodePtr root, const RuleContext&) {
  return Pruner().Whole(root);
}

}  // namespace millrace::sql
