#pragma once

#include <string>
#include <vector>

#include "millrace/plan/node.h"

namespace millrace::plan {

/// Makes several rows of one: row k of them has the columns `rows[k]` of the input, in
/// this order. All have as many, of the types of the first.
class UnpivotNode final : public Node {
 public:
  static constexpr std::string_view kKind = "unpivot";
  static NodePtr Make(NodePtr input, std::vector<std::vector<int>> rows,
                      std::vector<std::string> names);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<std::vector<int>>& rows() const { return rows_; }

 private:
  UnpivotNode(NodePtr input, std::vector<std::vector<int>> rows, SchemaPtr schema);
  std::vector<std::vector<int>> rows_;
};

}  // namespace millrace::plan
