#include "millrace/plan/sample_node.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/plan/project_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::plan {

SampleNode::SampleNode(NodePtr input, SchemaPtr schema, int64_t seed,
                       std::optional<double> share)
    : Node({std::move(input)}, std::move(schema)), seed_(seed), share_(share) {}

NodePtr SampleNode::KeepShare(NodePtr input, int64_t seed, double share) {
  auto schema = input->schema();
  return NodePtr(new SampleNode(std::move(input), std::move(schema), seed, share));
}

NodePtr SampleNode::NumberRows(NodePtr input, int64_t seed) {
  arrow::FieldVector fields = input->schema()->fields();
  fields.push_back(arrow::field(kDraw, arrow::int64(), /*nullable=*/false));
  fields.push_back(arrow::field(kPlace, arrow::int64(), /*nullable=*/false));
  return NodePtr(new SampleNode(std::move(input), arrow::schema(std::move(fields)), seed,
                                std::nullopt));
}

std::string SampleNode::Describe() const {
  return share_ ? fmt::format("{}%, seed {}", *share_ * 100, seed_)
                : fmt::format("seed {}", seed_);
}

NodePtr SampleNode::WithInputs(std::vector<NodePtr> inputs) const {
  return share_ ? KeepShare(std::move(inputs[0]), seed_, *share_)
                : NumberRows(std::move(inputs[0]), seed_);
}

NodePtr SampleRows(const NodePtr& input, int64_t seed, int64_t rows) {
  const int width = input->schema()->num_fields();
  const auto number = [](int column, const char* name) {
    return SortKey{expr::Expr::Column(column, name, arrow::int64())};
  };
  NodePtr out = SampleNode::NumberRows(input, seed);
  // The least draws, back in their order.
  out = SortNode::Make(
      std::move(out),
      {number(width, SampleNode::kDraw), number(width + 1, SampleNode::kPlace)}, rows);
  out = SortNode::Make(std::move(out), {number(width + 1, SampleNode::kPlace)});
  std::vector<expr::ExprPtr> columns;
  for (int i = 0; i < width; ++i) {
    const auto& field = input->schema()->field(i);
    columns.push_back(expr::Expr::Column(i, field->name(), field->type()));
  }
  return ProjectNode::Make(std::move(out), std::move(columns),
                           input->schema()->field_names());
}

}  // namespace millrace::plan
