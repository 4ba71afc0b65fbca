#pragma once

#include "millrace/plan/node.h"

namespace millrace::plan {

/// UNION ALL: the rows of every input. All inputs have the types of the first; its names
/// count.
class UnionNode final : public Node {
 public:
  static constexpr std::string_view kKind = "union";
  static NodePtr Make(std::vector<NodePtr> inputs);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

 private:
  explicit UnionNode(std::vector<NodePtr> inputs);
};

}  // namespace millrace::plan
