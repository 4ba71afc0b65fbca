#include "millrace/plan/scan_node.h"

#include <numeric>

#include <arrow/type.h>

namespace millrace::plan {

namespace {

SchemaPtr Reduced(const Table& table, const std::vector<int>& columns) {
  arrow::FieldVector fields;
  for (int column : columns) fields.push_back(table.schema->field(column));
  return arrow::schema(std::move(fields));
}

}  // namespace

ScanNode::ScanNode(TablePtr table, std::vector<int> columns, SchemaPtr schema)
    : Node(std::move(schema), table->bounded),
      table_(std::move(table)),
      columns_(std::move(columns)) {}

NodePtr ScanNode::Make(TablePtr table, std::vector<int> columns,
                       data::PredicatePtr predicate, std::optional<int64_t> limit) {
  SchemaPtr schema = Reduced(*table, columns);
  auto node = std::shared_ptr<ScanNode>(
      new ScanNode(std::move(table), std::move(columns), std::move(schema)));
  node->predicate_ = std::move(predicate);
  node->limit_ = limit;
  return node;
}

NodePtr ScanNode::Make(TablePtr table) {
  std::vector<int> columns(static_cast<size_t>(table->schema->num_fields()));
  std::iota(columns.begin(), columns.end(), 0);
  return Make(std::move(table), std::move(columns));
}

std::string ScanNode::Describe() const {
  std::string out = table_->name + " (";
  for (int i = 0; i < schema()->num_fields(); ++i) {
    out += (i > 0 ? ", " : "") + schema()->field(i)->name();
  }
  out += ")";
  if (predicate_) out += " where " + predicate_->ToString();
  if (limit_) out += " limit " + std::to_string(*limit_);
  return out;
}

NodePtr ScanNode::WithInputs(std::vector<NodePtr>) const {
  return Make(table_, columns_, predicate_, limit_);
}

}  // namespace millrace::plan
