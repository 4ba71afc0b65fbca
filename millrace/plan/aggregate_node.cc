#include "millrace/plan/aggregate_node.h"

#include <arrow/type.h>

namespace millrace::plan {

namespace {

std::string DurationText(int64_t micros) {
  struct Unit {
    int64_t micros;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86'400'000'000, "d"}, {3'600'000'000, "h"},
                             {60'000'000, "m"},     {1'000'000, "s"},
                             {1'000, "ms"},         {1, "us"}};
  for (const Unit& unit : kUnits) {
    if (micros % unit.micros == 0)
      return std::to_string(micros / unit.micros) + unit.name;
  }
  return "";
}

void AddWindowFields(const NodePtr& input, const TumblingWindow& window,
                     arrow::FieldVector& out) {
  const auto& type = input->schema()->field(window.time_column)->type();
  out.push_back(arrow::field("window_start", type, false));
  out.push_back(arrow::field("window_end", type, false));
}

}  // namespace

std::string AggregateCall::ToString() const {
  std::string out = function->doc.name + "(";
  if (distinct) out += "distinct ";
  if (arguments.empty()) out += "*";
  for (size_t i = 0; i < arguments.size(); ++i) {
    out += (i > 0 ? ", " : "") + arguments[i]->ToString();
  }
  out += ")";
  if (filter) out += " filter (where " + filter->ToString() + ")";
  return out;
}

std::string TumblingWindow::ToString() const {
  std::string out = "tumbling " + DurationText(size_micros);
  if (offset_micros != 0) out += " offset " + DurationText(offset_micros);
  return out;
}

AggregateNode::AggregateNode(NodePtr input, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)) {}

NodePtr AggregateNode::Make(NodePtr input, std::vector<expr::ExprPtr> keys,
                            std::vector<std::string> key_names,
                            std::vector<AggregateCall> aggregates,
                            std::optional<TumblingWindow> window) {
  arrow::FieldVector fields;
  if (window) AddWindowFields(input, *window, fields);
  for (size_t i = 0; i < keys.size(); ++i) {
    fields.push_back(arrow::field(key_names[i], keys[i]->type()));
  }
  for (const AggregateCall& call : aggregates) {
    fields.push_back(arrow::field(call.name, call.binding.result));
  }
  auto node = std::shared_ptr<AggregateNode>(
      new AggregateNode(std::move(input), arrow::schema(std::move(fields))));
  node->keys_ = std::move(keys);
  node->key_names_ = std::move(key_names);
  node->aggregates_ = std::move(aggregates);
  node->window_ = window;
  return node;
}

std::string AggregateNode::Describe() const {
  std::string out;
  if (phase_ == AggregatePhase::kPartial) out += "partial ";
  if (phase_ == AggregatePhase::kFinal) out += "final ";
  if (window_) out += window_->ToString() + " ";
  out += "by (";
  for (size_t i = 0; i < keys_.size(); ++i)
    out += (i > 0 ? ", " : "") + keys_[i]->ToString();
  out += ")";
  for (size_t i = 0; i < aggregates_.size(); ++i) {
    out += (i > 0 ? ", " : " ") + aggregates_[i].ToString();
  }
  return out;
}

NodePtr AggregateNode::WithInputs(std::vector<NodePtr> inputs) const {
  auto node =
      std::shared_ptr<AggregateNode>(new AggregateNode(std::move(inputs[0]), schema()));
  node->phase_ = phase_;
  node->keys_ = keys_;
  node->key_names_ = key_names_;
  node->aggregates_ = aggregates_;
  node->window_ = window_;
  return node;
}

bool AggregateNode::can_split() const {
  for (const AggregateCall& call : aggregates_) {
    if (call.distinct && !call.function->ignores_distinct) return false;
    if (call.binding.state.empty()) return false;
  }
  return true;
}

NodePtr AggregateNode::Partial() const {
  arrow::FieldVector fields;
  if (window_) AddWindowFields(input(), *window_, fields);
  for (size_t i = 0; i < keys_.size(); ++i) {
    fields.push_back(arrow::field(key_names_[i], keys_[i]->type()));
  }
  for (const AggregateCall& call : aggregates_) {
    for (size_t i = 0; i < call.binding.state.size(); ++i) {
      fields.push_back(
          arrow::field(call.name + "#" + std::to_string(i), call.binding.state[i]));
    }
  }
  auto node = std::shared_ptr<AggregateNode>(
      new AggregateNode(input(), arrow::schema(std::move(fields))));
  node->phase_ = AggregatePhase::kPartial;
  node->keys_ = keys_;
  node->key_names_ = key_names_;
  node->aggregates_ = aggregates_;
  node->window_ = window_;
  return node;
}

NodePtr AggregateNode::Final(NodePtr exchanged) const {
  auto node =
      std::shared_ptr<AggregateNode>(new AggregateNode(std::move(exchanged), schema()));
  node->phase_ = AggregatePhase::kFinal;
  const SchemaPtr& from = node->input()->schema();
  const int first_key = window_ ? 2 : 0;
  for (size_t i = 0; i < keys_.size(); ++i) {
    const int column = first_key + static_cast<int>(i);
    node->keys_.push_back(expr::Expr::Column(column, from->field(column)->name(),
                                             from->field(column)->type()));
  }
  node->key_names_ = key_names_;
  node->aggregates_ = aggregates_;
  node->window_ = window_;
  // The final half reads window_start, whose window is itself.
  if (node->window_) node->window_->time_column = 0;
  return node;
}

}  // namespace millrace::plan
