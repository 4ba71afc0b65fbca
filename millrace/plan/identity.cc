#include "millrace/plan/identity.h"

#include <utility>

#include <arrow/type.h>
#include <fmt/format.h>
#include <xxhash.h>

#include "millrace/data/type_name.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::plan {

namespace {

// Raised whenever an operator's state changes its layout.
constexpr int kLayoutVersion = 2;

// What a scan is to the operators above: its columns and its idea of time. What was
// pushed into the source only spares work.
std::string Text(const ScanNode& scan) {
  std::string out = scan.table()->name + " (";
  const char* joint = "";
  for (const auto& field : scan.schema()->fields()) {
    out += std::exchange(joint, ", ") + field->name() + " " +
           data::SqlTypeName(*field->type());
  }
  out += ")";
  if (const auto& watermark = scan.table()->watermark) {
    out += fmt::format(" watermark {} {}",
                       scan.table()->schema->field(watermark->column)->name(),
                       watermark->delay_micros);
  }
  return out;
}

OperatorIdentity Visit(const NodePtr& node, PlanIdentity* out) {
  const size_t place = out->operators.size();
  if (IsStateful(*node)) out->operators.emplace_back();
  const auto* scan = As<ScanNode>(node);
  if (scan != nullptr) out->scans.push_back(scan->table()->name);
  OperatorIdentity self;
  self.description = fmt::format("{} {}", node->kind(),
                                 scan != nullptr ? Text(*scan) : node->Describe());
  std::string text = fmt::format("{} {}(", kLayoutVersion, self.description);
  for (const auto& field : node->schema()->fields()) {
    text += field->name() + " " + field->type()->ToString() + ",";
  }
  text += ")";
  const char* joint = " of ";
  for (const NodePtr& input : node->inputs()) {
    const OperatorIdentity below = Visit(input, out);
    text += " " + below.fingerprint;
    self.description += std::exchange(joint, " and ") + below.description;
  }
  self.fingerprint = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  if (IsStateful(*node)) out->operators[place] = self;
  return self;
}

}  // namespace

bool IsStateful(const Node& node) {
  if (node.kind() == AggregateNode::kKind) {
    return static_cast<const AggregateNode&>(node).phase() != AggregatePhase::kPartial;
  }
  return node.kind() == JoinNode::kKind || node.kind() == SortNode::kKind ||
         node.kind() == LimitNode::kKind || node.kind() == OverNode::kKind;
}

PlanIdentity Identify(const NodePtr& root) {
  PlanIdentity out;
  out.fingerprint = Visit(root, &out).fingerprint;
  if (const auto* write = As<WriteNode>(root)) {
    out.sink = fmt::format("'{}' ({})", write->table()->name, write->table()->connector);
  }
  return out;
}

}  // namespace millrace::plan
