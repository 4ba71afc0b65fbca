#include "millrace/plan/over_node.h"

#include <algorithm>

#include <arrow/type.h>
#include <fmt/format.h>

namespace millrace::plan {

namespace {

std::string Text(const FrameBound& bound) {
  const std::string offset =
      bound.real != 0 ? fmt::format("{}", bound.real) : fmt::format("{}", bound.offset);
  switch (bound.kind) {
    case FrameBound::Kind::kUnboundedPreceding: return "unbounded preceding";
    case FrameBound::Kind::kPreceding: return offset + " preceding";
    case FrameBound::Kind::kCurrentRow: return "current row";
    case FrameBound::Kind::kFollowing: return offset + " following";
    case FrameBound::Kind::kUnboundedFollowing: return "unbounded following";
  }
  return "?";
}

const char* Text(OverFunction function) {
  switch (function) {
    case OverFunction::kAggregate: return "aggregate";
    case OverFunction::kRowNumber: return "row_number";
    case OverFunction::kRank: return "rank";
    case OverFunction::kDenseRank: return "dense_rank";
    case OverFunction::kPercentRank: return "percent_rank";
    case OverFunction::kCumeDist: return "cume_dist";
    case OverFunction::kNtile: return "ntile";
    case OverFunction::kFirstValue: return "first_value";
    case OverFunction::kLastValue: return "last_value";
    case OverFunction::kNthValue: return "nth_value";
  }
  return "?";
}

}  // namespace

std::string OverFrame::ToString() const {
  const char* name = unit == Unit::kRows    ? "rows"
                     : unit == Unit::kRange ? "range"
                                            : "groups";
  return fmt::format("{} {} to {}", name, Text(begin), Text(end));
}

bool OverCall::needs_partition() const {
  switch (function) {
    case OverFunction::kPercentRank:
    case OverFunction::kCumeDist:
    case OverFunction::kNtile: return true;
    case OverFunction::kRowNumber:
    case OverFunction::kRank:
    case OverFunction::kDenseRank: return false;
    default: return frame.to_end();
  }
}

std::string OverCall::ToString() const {
  std::string out;
  switch (function) {
    case OverFunction::kAggregate: out = aggregate.ToString(); break;
    case OverFunction::kRowNumber:
    case OverFunction::kRank:
    case OverFunction::kDenseRank:
    case OverFunction::kPercentRank:
    case OverFunction::kCumeDist: return fmt::format("{}()", Text(function));
    case OverFunction::kNtile: return fmt::format("ntile({})", number);
    case OverFunction::kFirstValue:
    case OverFunction::kLastValue:
    case OverFunction::kNthValue:
      out = fmt::format("{}({}", Text(function), aggregate.arguments[0]->ToString());
      if (function == OverFunction::kNthValue) out += fmt::format(", {}", number);
      if (otherwise) out += " else " + otherwise->ToString();
      out += ")";
  }
  return out + " " + frame.ToString();
}

OverNode::OverNode(NodePtr input, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)) {}

NodePtr OverNode::Make(NodePtr input, std::vector<expr::ExprPtr> partition,
                       std::vector<SortKey> order, std::vector<OverCall> calls,
                       bool by_time) {
  arrow::FieldVector fields = input->schema()->fields();
  for (const OverCall& call : calls) fields.push_back(arrow::field(call.name, call.type));
  auto node = std::shared_ptr<OverNode>(
      new OverNode(std::move(input), arrow::schema(std::move(fields))));
  node->partition_ = std::move(partition);
  node->order_ = std::move(order);
  node->calls_ = std::move(calls);
  node->by_time_ = by_time;
  return node;
}

std::string OverNode::Describe() const {
  std::string out;
  for (size_t i = 0; i < calls_.size(); ++i) {
    out += (i > 0 ? ", " : "") + calls_[i].ToString();
  }
  for (size_t i = 0; i < partition_.size(); ++i) {
    out += (i > 0 ? ", " : " partition by ") + partition_[i]->ToString();
  }
  for (size_t i = 0; i < order_.size(); ++i) {
    out += (i > 0 ? ", " : " order by ") + order_[i].expression->ToString();
    if (order_[i].descending) out += " desc";
    if (order_[i].nulls_first) out += " nulls first";
  }
  if (by_time_) out += " as the watermark passes";
  return out;
}

NodePtr OverNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), partition_, order_, calls_, by_time_);
}

bool OverNode::needs_partition() const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [](const OverCall& call) { return call.needs_partition(); });
}

}  // namespace millrace::plan
