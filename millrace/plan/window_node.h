#pragma once

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

/// Appends window_start, window_end and window_time (end − 1 µs) to every row: the table
/// function TUMBLE where no aggregation over the window follows directly. Rows whose
/// event time is NULL are left out and counted as dead letters.
class WindowNode final : public Node {
 public:
  static constexpr std::string_view kKind = "window";
  static NodePtr Make(NodePtr input, TumblingWindow window);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const TumblingWindow& window() const { return window_; }

 private:
  WindowNode(NodePtr input, TumblingWindow window, SchemaPtr schema);
  TumblingWindow window_;
};

}  // namespace millrace::plan
