#include "millrace/plan/node.h"

#include <algorithm>

#include <arrow/type.h>

#include "millrace/plan/errors.h"

namespace millrace::plan {

Node::Node(std::vector<NodePtr> inputs, SchemaPtr schema)
    : inputs_(std::move(inputs)), schema_(std::move(schema)) {
  for (const NodePtr& input : inputs_) {
    bounded_ &= input->bounded();
    change_mode_ = std::max(change_mode_, input->change_mode());
  }
}

namespace {

void ExplainInto(const NodePtr& node, int depth, std::string& out) {
  out.append(static_cast<size_t>(depth) * 2, ' ');
  out += node->kind();
  if (std::string text = node->Describe(); !text.empty()) out += " " + text;
  out += '\n';
  for (const NodePtr& input : node->inputs()) ExplainInto(input, depth + 1, out);
}

}  // namespace

Status CheckChanges(const NodePtr& root) {
  for (const NodePtr& input : root->inputs()) {
    if (input->change_mode() != ChangeMode::kAppend && !root->takes_changes())
      return errors::kChangesNotTaken.Make({}, "{} {}", root->kind(), root->Describe());
    ARROW_RETURN_NOT_OK(CheckChanges(input));
  }
  return Status::OK();
}

std::string Explain(const NodePtr& root) {
  std::string out;
  ExplainInto(root, 0, out);
  return out;
}

}  // namespace millrace::plan
