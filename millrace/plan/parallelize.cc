#include "millrace/plan/parallelize.h"

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/arrange_node.h"
#include "millrace/plan/exchange_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::plan {

namespace {

/// A rewritten subtree, and whether it runs as one task or as one a shard.
struct Piece {
  NodePtr node;
  bool single = false;
};

class Cutter {
 public:
  explicit Cutter(const ParallelizeOptions& options) : options_(options) {}

  Piece Cut(const NodePtr& node) {
    if (const auto* aggregate = As<AggregateNode>(node))
      return CutAggregate(*aggregate, node);
    if (const auto* join = As<JoinNode>(node)) return CutJoin(*join);
    if (const auto* over = As<OverNode>(node)) return CutOver(*over, node);
    if (As<SortNode>(node) != nullptr || As<LimitNode>(node) != nullptr)
      return CutSingle(node);
    // What one writer gets is one order.
    if (As<ArrangeNode>(node) != nullptr && !options_.parallel_sink)
      return CutSingle(node);
    if (As<WriteNode>(node) != nullptr && !options_.parallel_sink) return CutSingle(node);
    if (As<ValuesNode>(node) != nullptr) return {node, true};
    if (As<UnionNode>(node) != nullptr) return CutUnion(node);
    if (node->inputs().empty()) return {node, false};
    Piece input = Cut(node->input());
    return {node->WithInputs({std::move(input.node)}), input.single};
  }

 private:
  static Piece Gather(Piece piece) {
    if (piece.single) return piece;
    return {ExchangeNode::Make(std::move(piece.node), ExchangeKind::kGather), true};
  }

  // A single task must see everything: sort, limit, a sink with one writer.
  Piece CutSingle(const NodePtr& node) {
    Piece input = Gather(Cut(node->input()));
    return {node->WithInputs({std::move(input.node)}), true};
  }

  // Partitions know nothing of each other.
  Piece CutOver(const OverNode& over, const NodePtr& self) {
    if (over.partition().empty()) return CutSingle(self);
    Piece input = Cut(over.input());
    if (input.single) return {self->WithInputs({std::move(input.node)}), true};
    return {self->WithInputs({HashOn(input.node, over.partition())}), false};
  }

  // Branches of one task set must all have its parallelism.
  Piece CutUnion(const NodePtr& node) {
    std::vector<Piece> pieces;
    bool all_parallel = true;
    for (const NodePtr& input : node->inputs()) {
      pieces.push_back(Cut(input));
      all_parallel &= !pieces.back().single;
    }
    std::vector<NodePtr> inputs;
    for (Piece& piece : pieces) {
      if (!all_parallel) piece = Gather(std::move(piece));
      inputs.push_back(std::move(piece.node));
    }
    return {node->WithInputs(std::move(inputs)), !all_parallel};
  }

  Piece CutAggregate(const AggregateNode& aggregate, const NodePtr& self) {
    Piece input = Cut(aggregate.input());
    NodePtr over_input = self->WithInputs({input.node});
    if (input.single || aggregate.phase() == AggregatePhase::kPartial)
      return {over_input, input.single};
    const auto& whole = static_cast<const AggregateNode&>(*over_input);
    if (aggregate.phase() == AggregatePhase::kFinal) {
      return {
          self->WithInputs({DealStates(whole, input.node, FirstOfWindow(*input.node))}),
          false};
    }
    const bool keyed = !aggregate.keys().empty() || aggregate.window();
    if (aggregate.can_split()) {
      return {whole.Final(DealStates(whole, whole.Partial(), 0)), !keyed};
    }
    if (aggregate.keys().empty()) {
      Piece gathered = Gather(std::move(input));
      return {self->WithInputs({std::move(gathered.node)}), true};
    }
    return {self->WithInputs({HashOn(input.node, aggregate.keys())}), false};
  }

  // Of what a WindowNode appended: window_start, window_end, window_time.
  static int FirstOfWindow(const Node& assigned) {
    return assigned.schema()->num_fields() - 3;
  }

  // Windows of one key may be merged in different tasks, so that few keys still use every
  // shard. `window`: the column of their starts.
  static NodePtr DealStates(const AggregateNode& aggregate, NodePtr states, int window) {
    std::vector<int> keys;
    if (aggregate.window()) keys.push_back(window);
    const int first_key = aggregate.window() ? 2 : 0;
    for (size_t i = 0; i < aggregate.keys().size(); ++i) {
      keys.push_back(first_key + static_cast<int>(i));
    }
    const ExchangeKind kind = keys.empty() ? ExchangeKind::kGather : ExchangeKind::kHash;
    return ExchangeNode::Make(std::move(states), kind, std::move(keys));
  }

  // Rows dealt by the values of `keys`; those that are not plain columns are computed
  // first and cut off again behind.
  static NodePtr HashOn(const NodePtr& input, const std::vector<expr::ExprPtr>& keys) {
    std::vector<int> columns;
    std::vector<expr::ExprPtr> expressions;
    std::vector<std::string> names;
    const SchemaPtr& schema = input->schema();
    for (int i = 0; i < schema->num_fields(); ++i) {
      expressions.push_back(
          expr::Expr::Column(i, schema->field(i)->name(), schema->field(i)->type()));
      names.push_back(schema->field(i)->name());
    }
    const std::vector<expr::ExprPtr> own = expressions;
    for (const expr::ExprPtr& key : keys) {
      if (key->kind() == expr::ExprKind::kColumn) {
        columns.push_back(key->column());
        continue;
      }
      columns.push_back(static_cast<int>(expressions.size()));
      expressions.push_back(key);
      names.push_back("#key" + std::to_string(columns.back()));
    }
    if (expressions.size() == own.size()) {
      return ExchangeNode::Make(input, ExchangeKind::kHash, std::move(columns));
    }
    NodePtr widened = ProjectNode::Make(input, std::move(expressions), std::move(names));
    NodePtr dealt =
        ExchangeNode::Make(std::move(widened), ExchangeKind::kHash, std::move(columns));
    std::vector<std::string> own_names(schema->field_names());
    return ProjectNode::Make(std::move(dealt), own, std::move(own_names));
  }

  Piece CutJoin(const JoinNode& join) {
    Piece left = Cut(join.inputs()[0]);
    Piece right = Cut(join.inputs()[1]);
    const bool keeps_unmatched_right =
        join.type() == JoinType::kRight || join.type() == JoinType::kFull;
    if (left.single) {
      right = Gather(std::move(right));
      return {join.WithInputs({std::move(left.node), std::move(right.node)}), true};
    }
    // Each task that holds a copy of the build side would report its unmatched rows
    // again.
    if (join.left_keys().empty() && keeps_unmatched_right) {
      left = Gather(std::move(left));
      right = Gather(std::move(right));
      return {join.WithInputs({std::move(left.node), std::move(right.node)}), true};
    }
    if (!keeps_unmatched_right) {
      NodePtr copied =
          ExchangeNode::Make(std::move(right.node), ExchangeKind::kBroadcast);
      return {join.WithInputs({std::move(left.node), std::move(copied)}), false};
    }
    return {join.WithInputs({HashOn(left.node, join.left_keys()),
                             HashOn(right.node, join.right_keys())}),
            false};
  }

  const ParallelizeOptions& options_;
};

}  // namespace

NodePtr LowerWindows(const NodePtr& root) {
  NodePtr node = root;
  if (!root->inputs().empty()) {
    std::vector<NodePtr> inputs;
    for (const NodePtr& input : root->inputs()) inputs.push_back(LowerWindows(input));
    if (inputs != root->inputs()) node = root->WithInputs(std::move(inputs));
  }
  const auto* aggregate = As<AggregateNode>(node);
  if (aggregate == nullptr || !aggregate->assigns_windows()) return node;
  return aggregate->OverAssigned();
}

NodePtr Parallelize(const NodePtr& root, const ParallelizeOptions& options) {
  const NodePtr lowered = LowerWindows(root);
  if (options.shards <= 1) return lowered;
  Piece piece = Cutter(options).Cut(lowered);
  return piece.node;
}

}  // namespace millrace::plan
