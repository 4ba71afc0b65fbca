#pragma once

#include "millrace/expr/expression.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

/// Keeps the rows for which a boolean expression is true.
class FilterNode final : public Node {
 public:
  static constexpr std::string_view kKind = "filter";
  static NodePtr Make(NodePtr input, expr::ExprPtr condition);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const expr::ExprPtr& condition() const { return condition_; }

 private:
  FilterNode(NodePtr input, expr::ExprPtr condition);
  expr::ExprPtr condition_;
};

}  // namespace millrace::plan
