#include "millrace/plan/event_time.h"

#include <algorithm>

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/sample_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/window_node.h"

namespace millrace::plan {

std::optional<int> EventTimeOf(const Node& node) {
  const std::string_view kind = node.kind();
  if (kind == ScanNode::kKind) {
    const auto& scan = static_cast<const ScanNode&>(node);
    if (!scan.table()->watermark) return std::nullopt;
    const auto& columns = scan.columns();
    const auto found =
        std::find(columns.begin(), columns.end(), scan.table()->watermark->column);
    if (found == columns.end()) return std::nullopt;
    return static_cast<int>(found - columns.begin());
  }
  if (kind == AggregateNode::kKind) {
    // A window leaves before the watermark that reaches its end; its start may be passed.
    const bool windows = static_cast<const AggregateNode&>(node).window().has_value();
    return windows ? std::optional<int>(1) : std::nullopt;
  }
  if (kind == ProjectNode::kKind) {
    const std::optional<int> below = EventTimeOf(*node.input());
    const auto& expressions = static_cast<const ProjectNode&>(node).expressions();
    for (size_t i = 0; below && i < expressions.size(); ++i) {
      if (expressions[i]->kind() == expr::ExprKind::kColumn &&
          expressions[i]->column() == *below)
        return static_cast<int>(i);
    }
    return std::nullopt;
  }
  if (kind == UnionNode::kKind) {
    const std::optional<int> first = EventTimeOf(*node.input());
    for (const NodePtr& input : node.inputs()) {
      if (EventTimeOf(*input) != first) return std::nullopt;
    }
    return first;
  }
  if (kind == JoinNode::kKind) {
    // Rows of the right side alone come with no time, at the end.
    const JoinType type = static_cast<const JoinNode&>(node).type();
    if (type == JoinType::kRight || type == JoinType::kFull) return std::nullopt;
  }
  // The columns of their (left) input come first, and its rows at their time.
  const bool carries = kind == FilterNode::kKind || kind == WindowNode::kKind ||
                       kind == SampleNode::kKind || kind == OverNode::kKind ||
                       kind == JoinNode::kKind;
  return carries ? EventTimeOf(*node.input()) : std::nullopt;
}

}  // namespace millrace::plan
