#include "millrace/plan/aggregate_node.h"

#include <arrow/type.h>

#include "millrace/plan/window_node.h"

namespace millrace::plan {

namespace {

void AddWindowFields(const NodePtr& input, const Window& window,
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

AggregateNode::AggregateNode(NodePtr input, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)) {}

NodePtr AggregateNode::Make(NodePtr input, std::vector<expr::ExprPtr> keys,
                            std::vector<std::string> key_names,
                            std::vector<AggregateCall> aggregates,
                            std::optional<Window> window, Emission emission) {
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
  node->window_ = std::move(window);
  node->emission_ = emission;
  node->TellChangeMode();
  return node;
}

// States are rows of their own, whatever becomes of them.
void AggregateNode::TellChangeMode() {
  const bool changes = emission_.changes || (window_ && window_->grace_micros > 0);
  set_change_mode(changes && phase_ != AggregatePhase::kPartial ? ChangeMode::kRetract
                                                                : ChangeMode::kAppend);
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
  if (emission_.changes) out += " emit changes";
  return out;
}

std::shared_ptr<AggregateNode> AggregateNode::Over(NodePtr input, SchemaPtr schema,
                                                   AggregatePhase phase) const {
  auto node = std::shared_ptr<AggregateNode>(
      new AggregateNode(std::move(input), std::move(schema)));
  node->phase_ = phase;
  node->keys_ = keys_;
  node->key_names_ = key_names_;
  node->aggregates_ = aggregates_;
  node->window_ = window_;
  node->emission_ = emission_;
  node->TellChangeMode();
  return node;
}

NodePtr AggregateNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Over(std::move(inputs[0]), schema(), phase_);
}

bool AggregateNode::can_split() const {
  if (window_ && window_->is_session()) return false;
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
  return Over(input(), arrow::schema(std::move(fields)), AggregatePhase::kPartial);
}

NodePtr AggregateNode::Final(NodePtr exchanged) const {
  auto node = Over(std::move(exchanged), schema(), AggregatePhase::kFinal);
  const SchemaPtr& from = node->input()->schema();
  const int first_key = window_ ? 2 : 0;
  for (size_t i = 0; i < keys_.size(); ++i) {
    const int column = first_key + static_cast<int>(i);
    node->keys_[i] = expr::Expr::Column(column, from->field(column)->name(),
                                        from->field(column)->type());
  }
  // The final half reads window_start, whose window is itself.
  if (node->window_) node->window_->time_column = 0;
  return node;
}

NodePtr AggregateNode::OverAssigned() const {
  const bool split = can_split();
  Window window = *window_;
  if (split) window.time_column = 0;
  const NodePtr assigned =
      WindowNode::Make(split ? Partial() : input(), window, /*drops_late=*/true);
  const NodePtr whole = split ? Final(assigned) : WithInputs({assigned});
  const auto& final = static_cast<const AggregateNode&>(*whole);
  auto node = final.Over(assigned, schema(), final.phase());
  node->window_->assigned = true;
  // Rows that are late have been dealt with where they were given windows.
  node->window_->late = Window::Late::kDrop;
  node->window_->time_column = assigned->schema()->num_fields() - 1;
  return node;
}

}  // namespace millrace::plan
