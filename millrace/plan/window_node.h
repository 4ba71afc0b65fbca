#pragma once

#include "millrace/plan/node.h"
#include "millrace/plan/window.h"

namespace millrace::plan {

/// Appends window_start, window_end and window_time (end − 1 µs) to every row, once for
/// each window that holds it: the table functions TUMBLE, HOP and CUMULATE. Rows whose
/// event time is NULL are left out and counted.
class WindowNode final : public Node {
 public:
  static constexpr std::string_view kKind = "window";
  /// `drops_late`: copies for windows that the watermark has closed are left out, and
  /// rows of which no copy is left are counted.
  static NodePtr Make(NodePtr input, Window window, bool drops_late = false);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const Window& window() const { return window_; }
  bool drops_late() const { return drops_late_; }

 private:
  WindowNode(NodePtr input, Window window, bool drops_late, SchemaPtr schema);
  Window window_;
  bool drops_late_;
};

}  // namespace millrace::plan
