// The nodes that look at one row at a time, or at none: filter, project, window, limit,
// union, unpivot, expand, values, write, exchange.
#include <set>
#include <string>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/plan/errors.h"
#include "millrace/plan/exchange_node.h"
#include "millrace/plan/expand_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/unpivot_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/plan/window_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::plan {

FilterNode::FilterNode(NodePtr input, expr::ExprPtr condition)
    : Node({input}, input->schema()), condition_(std::move(condition)) {}
NodePtr FilterNode::Make(NodePtr input, expr::ExprPtr condition) {
  return NodePtr(new FilterNode(std::move(input), std::move(condition)));
}
std::string FilterNode::Describe() const { return condition_->ToString(); }
NodePtr FilterNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), condition_);
}

ProjectNode::ProjectNode(NodePtr input, std::vector<expr::ExprPtr> expressions,
                         SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)), expressions_(std::move(expressions)) {}
NodePtr ProjectNode::Make(NodePtr input, std::vector<expr::ExprPtr> expressions,
                          std::vector<std::string> names) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < expressions.size(); ++i) {
    const expr::Expr& expression = *expressions[i];
    // A column that is only passed on keeps its metadata and nullability.
    fields.push_back(expression.kind() == expr::ExprKind::kColumn
                         ? input->schema()->field(expression.column())->WithName(names[i])
                         : arrow::field(names[i], expression.type()));
  }
  auto schema = arrow::schema(std::move(fields));
  return NodePtr(
      new ProjectNode(std::move(input), std::move(expressions), std::move(schema)));
}
std::string ProjectNode::Describe() const {
  std::string out;
  for (size_t i = 0; i < expressions_.size(); ++i) {
    const std::string text = expressions_[i]->ToString();
    const std::string& name = schema()->field(static_cast<int>(i))->name();
    out += (i > 0 ? ", " : "") + (text == name ? text : text + " as " + name);
  }
  return out;
}
NodePtr ProjectNode::WithInputs(std::vector<NodePtr> inputs) const {
  return NodePtr(new ProjectNode(std::move(inputs[0]), expressions_, schema()));
}

WindowNode::WindowNode(NodePtr input, Window window, bool drops_late, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)),
      window_(std::move(window)),
      drops_late_(drops_late) {}
NodePtr WindowNode::Make(NodePtr input, Window window, bool drops_late) {
  arrow::FieldVector fields = input->schema()->fields();
  const auto type = fields[static_cast<size_t>(window.time_column)]->type();
  for (const char* name : {"window_start", "window_end", "window_time"}) {
    fields.push_back(arrow::field(name, type, false));
  }
  return NodePtr(new WindowNode(std::move(input), std::move(window), drops_late,
                                arrow::schema(std::move(fields))));
}
std::string WindowNode::Describe() const { return window_.ToString(); }
NodePtr WindowNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), window_, drops_late_);
}

LimitNode::LimitNode(NodePtr input, int64_t limit, int64_t offset)
    : Node({input}, input->schema()), limit_(limit), offset_(offset) {}
NodePtr LimitNode::Make(NodePtr input, int64_t limit, int64_t offset) {
  return NodePtr(new LimitNode(std::move(input), limit, offset));
}
std::string LimitNode::Describe() const {
  std::string out = std::to_string(limit_);
  if (offset_ > 0) out += " offset " + std::to_string(offset_);
  return out;
}
NodePtr LimitNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), limit_, offset_);
}

namespace {

// A column that one input may leave NULL is nullable in the union.
SchemaPtr UnionSchema(const std::vector<NodePtr>& inputs) {
  arrow::FieldVector fields = inputs.front()->schema()->fields();
  for (const NodePtr& input : inputs) {
    for (size_t i = 0; i < fields.size(); ++i) {
      if (input->schema()->field(static_cast<int>(i))->nullable()) {
        fields[i] = fields[i]->WithNullable(true);
      }
    }
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

UnionNode::UnionNode(std::vector<NodePtr> inputs) : Node(inputs, UnionSchema(inputs)) {}
NodePtr UnionNode::Make(std::vector<NodePtr> inputs) {
  return NodePtr(new UnionNode(std::move(inputs)));
}
std::string UnionNode::Describe() const { return "all"; }
NodePtr UnionNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs));
}

UnpivotNode::UnpivotNode(NodePtr input, std::vector<std::vector<int>> rows,
                         SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)), rows_(std::move(rows)) {}
NodePtr UnpivotNode::Make(NodePtr input, std::vector<std::vector<int>> rows,
                          std::vector<std::string> names) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < names.size(); ++i) {
    fields.push_back(
        arrow::field(names[i], input->schema()->field(rows.front()[i])->type()));
  }
  auto schema = arrow::schema(std::move(fields));
  return NodePtr(new UnpivotNode(std::move(input), std::move(rows), std::move(schema)));
}
std::string UnpivotNode::Describe() const {
  return std::to_string(rows_.size()) + " rows of each";
}
NodePtr UnpivotNode::WithInputs(std::vector<NodePtr> inputs) const {
  return NodePtr(new UnpivotNode(std::move(inputs[0]), rows_, schema()));
}

ExpandNode::ExpandNode(NodePtr input, std::vector<expr::ExprPtr> keys,
                       std::vector<std::string> key_names, std::vector<GroupingSet> sets,
                       bool marks_rows, SchemaPtr schema)
    : Node({std::move(input)}, std::move(schema)),
      keys_(std::move(keys)),
      key_names_(std::move(key_names)),
      sets_(std::move(sets)),
      marks_rows_(marks_rows) {}
NodePtr ExpandNode::Make(NodePtr input, std::vector<expr::ExprPtr> keys,
                         std::vector<std::string> key_names,
                         std::vector<GroupingSet> sets, bool marks_rows) {
  arrow::FieldVector fields;
  for (const auto& field : input->schema()->fields()) {
    fields.push_back(marks_rows ? field->WithNullable(true) : field);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    fields.push_back(arrow::field(key_names[i], keys[i]->type()));
  }
  fields.push_back(arrow::field("#set", arrow::int64(), false));
  if (marks_rows) fields.push_back(arrow::field("#row", arrow::boolean(), false));
  auto schema = arrow::schema(std::move(fields));
  return NodePtr(new ExpandNode(std::move(input), std::move(keys), std::move(key_names),
                                std::move(sets), marks_rows, std::move(schema)));
}
std::string ExpandNode::Describe() const {
  std::string out;
  for (const GroupingSet& set : sets_) {
    out += out.empty() ? "(" : ", (";
    const char* joint = "";
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (set.has_key[i]) out += std::exchange(joint, ", ") + keys_[i]->ToString();
    }
    out += ")";
  }
  return out;
}
NodePtr ExpandNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), keys_, key_names_, sets_, marks_rows_);
}

ValuesNode::ValuesNode(std::shared_ptr<arrow::RecordBatch> rows)
    : Node(rows->schema(), true), rows_(std::move(rows)) {}
NodePtr ValuesNode::Make(std::shared_ptr<arrow::RecordBatch> rows) {
  return NodePtr(new ValuesNode(std::move(rows)));
}
std::string ValuesNode::Describe() const {
  return std::to_string(rows_->num_rows()) + (rows_->num_rows() == 1 ? " row" : " rows");
}
NodePtr ValuesNode::WithInputs(std::vector<NodePtr>) const { return Make(rows_); }

OnInvalid OnInvalidOf(const Table& table) {
  const auto given = table.options.find("on_invalid");
  if (given == table.options.end()) return OnInvalid::kFail;
  // Another word is the connector's to refuse, which knows the option.
  if (given->second == "dead_letter") return OnInvalid::kDeadLetter;
  return given->second == "drop" ? OnInvalid::kDrop : OnInvalid::kFail;
}

WriteNode::WriteNode(NodePtr input, TablePtr table, std::vector<RowRule> rules,
                     OnInvalid on_invalid)
    : Node({input}, input->schema()),
      table_(std::move(table)),
      rules_(std::move(rules)),
      on_invalid_(on_invalid) {}
NodePtr WriteNode::Make(NodePtr input, TablePtr table, std::vector<RowRule> rules,
                        OnInvalid on_invalid) {
  return NodePtr(
      new WriteNode(std::move(input), std::move(table), std::move(rules), on_invalid));
}
Status WriteNode::CheckNames() const {
  std::set<std::string> names;
  for (const auto& field : schema()->fields()) {
    if (!names.insert(field->name()).second) {
      return errors::kColumnTwice.Make({.column = field->name()}, "into {}",
                                       table_->name);
    }
  }
  return Status::OK();
}

std::string WriteNode::Describe() const {
  std::string out = table_->name + " (" + table_->connector + ")";
  for (size_t i = 0; i < rules_.size(); ++i)
    out += (i == 0 ? ", check " : "; ") + rules_[i].ToString();
  return out;
}
NodePtr WriteNode::WithTable(NodePtr input, TablePtr table) const {
  const OnInvalid on_invalid = OnInvalidOf(*table);
  return Make(std::move(input), std::move(table), rules_, on_invalid);
}
NodePtr WriteNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), table_, rules_, on_invalid_);
}

ExchangeNode::ExchangeNode(NodePtr input, ExchangeKind exchange, std::vector<int> keys)
    : Node({input}, input->schema()), exchange_(exchange), keys_(std::move(keys)) {}
NodePtr ExchangeNode::Make(NodePtr input, ExchangeKind exchange, std::vector<int> keys) {
  return NodePtr(new ExchangeNode(std::move(input), exchange, std::move(keys)));
}
std::string ExchangeNode::Describe() const {
  switch (exchange_) {
    case ExchangeKind::kGather: return "gather";
    case ExchangeKind::kBroadcast: return "broadcast";
    case ExchangeKind::kHash: break;
  }
  std::string out = "hash (";
  for (size_t i = 0; i < keys_.size(); ++i) {
    out += (i > 0 ? ", " : "") + schema()->field(keys_[i])->name();
  }
  return out + ")";
}
NodePtr ExchangeNode::WithInputs(std::vector<NodePtr> inputs) const {
  return Make(std::move(inputs[0]), exchange_, keys_);
}

}  // namespace millrace::plan
