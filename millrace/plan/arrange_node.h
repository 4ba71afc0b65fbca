#pragma once

#include <string>
#include <vector>

#include "millrace/data/sort_order.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

/// Puts the rows of each task in an order, epoch by epoch: in front of a write whose
/// files are to be sorted, each by itself. Nothing stays behind a barrier.
class ArrangeNode final : public Node {
 public:
  static constexpr std::string_view kKind = "arrange";
  /// Every column of `order` is one of the input's.
  static NodePtr Make(NodePtr input, std::vector<data::SortColumn> order);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<data::SortColumn>& order() const { return order_; }

 private:
  ArrangeNode(NodePtr input, SchemaPtr schema);
  std::vector<data::SortColumn> order_;
};

}  // namespace millrace::plan
