#include <arrow/type.h>

#include "millrace/plan/arrange_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::plan {

const char* JoinTypeName(JoinType type) {
  switch (type) {
    case JoinType::kInner: return "inner";
    case JoinType::kLeft: return "left";
    case JoinType::kRight: return "right";
    case JoinType::kFull: return "full";
    case JoinType::kSemi: return "semi";
    case JoinType::kAnti: return "anti";
  }
  return "?";
}

JoinNode::JoinNode(NodePtr left, NodePtr right, SchemaPtr schema)
    : Node({std::move(left), std::move(right)}, std::move(schema)) {}

NodePtr JoinNode::Make(NodePtr left, NodePtr right, JoinType type,
                       std::vector<expr::ExprPtr> left_keys,
                       std::vector<expr::ExprPtr> right_keys, expr::ExprPtr residual) {
  const bool left_may_miss = type == JoinType::kRight || type == JoinType::kFull;
  const bool right_may_miss = type == JoinType::kLeft || type == JoinType::kFull;
  arrow::FieldVector fields;
  for (const auto& field : left->schema()->fields()) {
    fields.push_back(left_may_miss ? field->WithNullable(true) : field);
  }
  if (type != JoinType::kSemi && type != JoinType::kAnti) {
    for (const auto& field : right->schema()->fields()) {
      fields.push_back(right_may_miss ? field->WithNullable(true) : field);
    }
  }
  auto node = std::shared_ptr<JoinNode>(
      new JoinNode(std::move(left), std::move(right), arrow::schema(std::move(fields))));
  node->type_ = type;
  node->left_keys_ = std::move(left_keys);
  node->right_keys_ = std::move(right_keys);
  node->residual_ = std::move(residual);
  return node;
}

std::string JoinNode::Describe() const {
  std::string out = JoinTypeName(type_);
  for (size_t i = 0; i < left_keys_.size(); ++i) {
    out += (i > 0 ? " and " : " on ") + left_keys_[i]->ToString() + " = " +
           right_keys_[i]->ToString();
  }
  if (residual_) out += " where " + residual_->ToString();
  return out;
}

NodePtr JoinNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), std::move(inputs[1]), type_, left_keys_, right_keys_,
              residual_);
}

SortNode::SortNode(NodePtr input, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)) {}

NodePtr SortNode::Make(NodePtr input, std::vector<SortKey> keys,
                       std::optional<int64_t> limit, int64_t offset) {
  auto schema = input->schema();
  auto node =
      std::shared_ptr<SortNode>(new SortNode(std::move(input), std::move(schema)));
  node->keys_ = std::move(keys);
  node->limit_ = limit;
  node->offset_ = offset;
  return node;
}

std::string SortNode::Describe() const {
  std::string out = "by ";
  for (size_t i = 0; i < keys_.size(); ++i) {
    out += (i > 0 ? ", " : "") + keys_[i].expression->ToString();
    if (keys_[i].descending) out += " desc";
    out += keys_[i].nulls_first ? " nulls first" : "";
  }
  if (limit_) out += " limit " + std::to_string(*limit_);
  if (offset_ > 0) out += " offset " + std::to_string(offset_);
  return out;
}

NodePtr SortNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), keys_, limit_, offset_);
}

ArrangeNode::ArrangeNode(NodePtr input, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)) {}

NodePtr ArrangeNode::Make(NodePtr input, std::vector<data::SortColumn> order) {
  auto schema = input->schema();
  auto node =
      std::shared_ptr<ArrangeNode>(new ArrangeNode(std::move(input), std::move(schema)));
  node->order_ = std::move(order);
  return node;
}

std::string ArrangeNode::Describe() const {
  return "each file by " + data::ToText(order_);
}

NodePtr ArrangeNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), order_);
}

}  // namespace millrace::plan
