#include "millrace/sql/ast_expression.h"

namespace millrace::sql {

namespace {

using Visit = std::function<void(const Expression&)>;

void Each(const ExpressionPtr& child, const Visit& visit) {
  if (child != nullptr) visit(*child);
}
void Each(const std::vector<ExpressionPtr>& children, const Visit& visit) {
  for (const ExpressionPtr& child : children) Each(child, visit);
}
void Each(const std::vector<OrderItem>& items, const Visit& visit) {
  for (const OrderItem& item : items) Each(item.value, visit);
}
template <typename Second>
void Each(const std::vector<std::pair<ExpressionPtr, Second>>& pairs,
          const Visit& visit) {
  for (const auto& pair : pairs) {
    Each(pair.first, visit);
    if constexpr (std::is_same_v<Second, ExpressionPtr>) Each(pair.second, visit);
  }
}

struct ChildVisitor {
  const Visit& visit;

  void operator()(const Literal&) const {}
  void operator()(const Name&) const {}
  void operator()(const Star& node) const { Each(node.replace, visit); }
  void operator()(const Unary& node) const { Each(node.operand, visit); }
  void operator()(const Binary& node) const {
    Each(node.left, visit);
    Each(node.right, visit);
  }
  void operator()(const Logical& node) const { Each(node.terms, visit); }
  void operator()(const IsTest& node) const { Each(node.operand, visit); }
  void operator()(const LikeTest& node) const {
    Each(node.operand, visit);
    Each(node.pattern, visit);
    Each(node.escape, visit);
  }
  void operator()(const BetweenTest& node) const {
    Each(node.operand, visit);
    Each(node.low, visit);
    Each(node.high, visit);
  }
  void operator()(const InTest& node) const {
    Each(node.operand, visit);
    Each(node.list, visit);
  }
  void operator()(const ExistsTest&) const {}
  void operator()(const QuantifiedTest& node) const { Each(node.operand, visit); }
  void operator()(const ScalarQuery&) const {}
  void operator()(const CaseOf& node) const {
    Each(node.operand, visit);
    Each(node.branches, visit);
    Each(node.otherwise, visit);
  }
  void operator()(const CastTo& node) const { Each(node.operand, visit); }
  void operator()(const FunctionCall& node) const {
    for (const FunctionArgument& argument : node.arguments) Each(argument.value, visit);
    Each(node.order_by, visit);
    Each(node.within_group, visit);
    Each(node.filter, visit);
    if (node.over == nullptr) return;
    Each(node.over->partition_by, visit);
    Each(node.over->order_by, visit);
    if (node.over->frame) {
      Each(node.over->frame->begin.offset, visit);
      Each(node.over->frame->end.offset, visit);
    }
  }
  void operator()(const ArrayOf& node) const { Each(node.elements, visit); }
  void operator()(const MapOf& node) const { Each(node.entries, visit); }
  void operator()(const StructOf& node) const {
    for (const auto& [name, value] : node.fields) Each(value, visit);
  }
  void operator()(const Subscript& node) const {
    Each(node.operand, visit);
    Each(node.index, visit);
  }
  void operator()(const FieldOf& node) const { Each(node.operand, visit); }
};

}  // namespace

void ForEachChild(const Expression& expression, const Visit& visit) {
  std::visit(ChildVisitor{visit}, expression.node);
}

}  // namespace millrace::sql
