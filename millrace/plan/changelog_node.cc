#include "millrace/plan/changelog_node.h"

#include <utility>

#include <arrow/type.h>

namespace millrace::plan {

ChangelogNode::ChangelogNode(NodePtr input, std::string column, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)), column_(std::move(column)) {
  set_change_mode(ChangeMode::kAppend);
}

NodePtr ChangelogNode::Make(NodePtr input, std::string column) {
  arrow::FieldVector fields = input->schema()->fields();
  fields.push_back(arrow::field(column, arrow::utf8(), /*nullable=*/false));
  return NodePtr(new ChangelogNode(std::move(input), std::move(column),
                                   arrow::schema(std::move(fields))));
}

NodePtr ChangelogNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), column_);
}

}  // namespace millrace::plan
