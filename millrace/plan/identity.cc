#include "millrace/plan/identity.h"

#include <arrow/type.h>
#include <fmt/format.h>
#include <xxhash.h>

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::plan {

namespace {

// Raised whenever an operator's state changes its layout.
constexpr int kLayoutVersion = 1;

// What a scan is to the operators above: its columns and its idea of time. What was
// pushed into the source only spares work.
std::string Text(const ScanNode& scan) {
  std::string out = scan.table()->name;
  if (const auto& watermark = scan.table()->watermark) {
    out += fmt::format(" watermark {} {}",
                       scan.table()->schema->field(watermark->column)->name(),
                       watermark->delay_micros);
  }
  return out;
}

std::string Visit(const NodePtr& node, std::vector<OperatorIdentity>* out) {
  const size_t place = out->size();
  if (IsStateful(*node)) out->emplace_back();
  const auto* scan = As<ScanNode>(node);
  std::string text = fmt::format("{} {} {}(", kLayoutVersion, node->kind(),
                                 scan != nullptr ? Text(*scan) : node->Describe());
  for (const auto& field : node->schema()->fields()) {
    text += field->name() + " " + field->type()->ToString() + ",";
  }
  text += ")";
  for (const NodePtr& input : node->inputs()) text += " " + Visit(input, out);
  std::string fingerprint = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  if (IsStateful(*node)) {
    (*out)[place] = {fingerprint, std::string(node->kind()) + " " + node->Describe()};
  }
  return fingerprint;
}

}  // namespace

bool IsStateful(const Node& node) {
  if (node.kind() == AggregateNode::kKind) {
    return static_cast<const AggregateNode&>(node).phase() != AggregatePhase::kPartial;
  }
  return node.kind() == JoinNode::kKind || node.kind() == SortNode::kKind ||
         node.kind() == LimitNode::kKind;
}

std::vector<OperatorIdentity> IdentifyOperators(const NodePtr& root) {
  std::vector<OperatorIdentity> out;
  Visit(root, &out);
  return out;
}

}  // namespace millrace::plan
