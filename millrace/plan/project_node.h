#pragma once

#include "millrace/expr/expression.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

/// Computes one column per expression. Names may repeat.
class ProjectNode final : public Node {
 public:
  static constexpr std::string_view kKind = "project";
  static NodePtr Make(NodePtr input, std::vector<expr::ExprPtr> expressions,
                      std::vector<std::string> names);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<expr::ExprPtr>& expressions() const { return expressions_; }

 private:
  ProjectNode(NodePtr input, std::vector<expr::ExprPtr> expressions, SchemaPtr schema);
  std::vector<expr::ExprPtr> expressions_;
};

}  // namespace millrace::plan
