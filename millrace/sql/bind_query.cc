// WITH, UNION, VALUES, ORDER BY, LIMIT and EMIT.
#include <charconv>
#include <limits>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/expr/evaluate.h"
#include "millrace/plan/errors.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;
using plan::NodePtr;

namespace {

// A CTE named twice in each of thirty others would make a plan of a billion nodes.
constexpr int kMaxInlined = 1000;

// The columns of `node` cast to `types`, under the names of `names`.
NodePtr CastColumns(NodePtr node, const std::vector<expr::TypePtr>& types,
                    const arrow::Schema& names) {
  std::vector<ExprPtr> columns;
  std::vector<std::string> labels;
  bool changed = false;
  for (int i = 0; i < node->schema()->num_fields(); ++i) {
    ExprPtr column = ColumnOf(*node, i);
    labels.push_back(names.field(i)->name());
    columns.push_back(Expr::Cast(column, types[static_cast<size_t>(i)]));
    changed |= columns.back() != column || column->name() != labels.back();
  }
  if (!changed) return node;
  return plan::ProjectNode::Make(std::move(node), std::move(columns), std::move(labels));
}

}  // namespace

Result<NodePtr> DistinctRows(NodePtr node, Location where, std::string_view what) {
  for (int i = 0; i < node->schema()->num_fields(); ++i) {
    ARROW_RETURN_NOT_OK(CheckKey(*ColumnOf(*node, i), where, what));
  }
  std::vector<ExprPtr> keys;
  std::vector<std::string> names;
  for (int i = 0; i < node->schema()->num_fields(); ++i) {
    keys.push_back(ColumnOf(*node, i));
    names.push_back(node->schema()->field(i)->name());
  }
  return plan::AggregateNode::Make(std::move(node), std::move(keys), std::move(names),
                                   {});
}

Result<std::optional<size_t>> PositionOf(const Expression& expression, size_t columns) {
  const auto* literal = expression.As<Literal>();
  if (literal == nullptr || literal->kind != Literal::Kind::kInteger) return std::nullopt;
  size_t position = 0;
  const std::string& text = literal->text;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), position);
  if (parsed.ec != std::errc() || position < 1 || position > columns) {
    return errors::kSqlBadPosition.Make(expression.where.ToWhere(), "{} of {}", text,
                                        columns);
  }
  return position - 1;
}

Result<NodePtr> QueryBinder::BindQuery(const Query& query) {
  ARROW_RETURN_NOT_OK(CheckClauses(query));
  if (++inlined_ > kMaxInlined) {
    return errors::kSqlTooDeep.Make(
        query.where.ToWhere(), "the plan would hold more than {} queries", kMaxInlined);
  }
  const std::shared_ptr<const CommonTables> outside = common_;
  for (const CommonTable& table : query.with) {
    common_ = std::make_shared<CommonTables>(CommonTables{&table, common_});
  }
  Result<NodePtr> node = BindOrdered(query);
  common_ = outside;
  ARROW_RETURN_NOT_OK(node.status());
  ARROW_RETURN_NOT_OK(CheckEmit(query, *node));
  return node;
}

Result<NodePtr> QueryBinder::BindOrdered(const Query& query) {
  if (const auto* select = std::get_if<Select>(&query.body->node)) {
    return BindSelect(*select, query, query.body->where);
  }
  ARROW_ASSIGN_OR_RAISE(NodePtr body, BindBody(*query.body));
  return OrderOutput(query, std::move(body));
}

Status QueryBinder::CheckClauses(const Query& query) {
  if (query.recursive) return NotSupported(query.where, "WITH RECURSIVE");
  for (size_t i = 0; i < query.with.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (EqualsIgnoreCase(query.with[i].name.text, query.with[j].name.text)) {
        return errors::kSqlNameTaken.Make(query.with[i].name.where.ToWhere(), "{}",
                                          query.with[i].name.text);
      }
    }
  }
  if (query.late_into) return NotSupported(query.late_into->where, "LATE INTO");
  if (query.into) {
    return NotSupported(query.into->where, "INTO in a subquery, a view or EXPLAIN");
  }
  if (!query.properties.empty()) {
    return NotSupported(query.properties[0].where, "WITH (…) after a query");
  }
  return Status::OK();
}

Result<NodePtr> QueryBinder::BindBody(const QueryBody& body) {
  if (const auto* select = std::get_if<Select>(&body.node)) {
    return BindSelect(*select, Query{}, body.where);
  }
  if (const auto* values = std::get_if<Values>(&body.node)) {
    return BindValues(*values, body.where);
  }
  if (const auto* nested = std::get_if<NestedQuery>(&body.node)) {
    return BindQuery(*nested->query);
  }
  return BindSetOperation(std::get<SetOperation>(body.node), body.where);
}

Result<NodePtr> QueryBinder::BindSetOperation(const SetOperation& node, Location where) {
  if (node.op == SetOperation::Op::kExcept) return NotSupported(where, "EXCEPT");
  if (node.op == SetOperation::Op::kIntersect) return NotSupported(where, "INTERSECT");
  ARROW_ASSIGN_OR_RAISE(NodePtr left, BindBody(*node.left));
  ARROW_ASSIGN_OR_RAISE(NodePtr right, BindBody(*node.right));
  const int columns = left->schema()->num_fields();
  if (columns != right->schema()->num_fields()) {
    return errors::kSqlColumnCount.Make(node.right->where.ToWhere(),
                                        "{} above and {} below UNION", columns,
                                        right->schema()->num_fields());
  }
  std::vector<expr::TypePtr> types;
  for (int i = 0; i < columns; ++i) {
    ARROW_ASSIGN_OR_RAISE(
        expr::TypePtr type,
        CommonTypeAt(ColumnOf(*left, i)->type(), ColumnOf(*right, i)->type(),
                     node.right->where, fmt::format("column {} of UNION", i + 1)));
    types.push_back(std::move(type));
  }
  const plan::SchemaPtr names = left->schema();
  left = CastColumns(std::move(left), types, *names);
  right = CastColumns(std::move(right), types, *names);
  // a UNION ALL b UNION ALL c is one node.
  std::vector<NodePtr> inputs{left};
  if (const auto* before = std::get_if<SetOperation>(&node.left->node);
      before != nullptr && before->all && node.all &&
      left->kind() == plan::UnionNode::kKind) {
    inputs = left->inputs();
  }
  inputs.push_back(std::move(right));
  NodePtr all = plan::UnionNode::Make(std::move(inputs));
  if (node.all) return all;
  if (!all->bounded()) {
    return errors::kNeedsBoundedInput.Make(where.ToWhere(), "UNION without ALL");
  }
  return DistinctRows(std::move(all), where, "UNION without ALL");
}

Result<NodePtr> QueryBinder::BindValues(const Values& values, Location where) {
  const size_t width = values.rows[0].size();
  const Scope nothing;
  ExpressionBinder binder(context_, nothing);
  std::vector<std::vector<ExprPtr>> columns(width);
  std::vector<expr::TypePtr> types(width, arrow::null());
  for (const auto& row : values.rows) {
    if (row.size() != width) {
      return errors::kSqlColumnCount.Make(row[0]->where.ToWhere(),
                                          "{} values in this row, {} in the first",
                                          row.size(), width);
    }
    for (size_t i = 0; i < width; ++i) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr value, binder.Bind(*row[i]));
      ARROW_ASSIGN_OR_RAISE(types[i], CommonTypeAt(types[i], value->type(), row[i]->where,
                                                   "a column of VALUES"));
      columns[i].push_back(std::move(value));
    }
  }
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < width; ++i) {
    if (types[i]->id() == arrow::Type::NA) types[i] = arrow::int32();
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(
        arrow::MakeBuilder(context_.evaluation->pool, types[i], &builder));
    for (size_t row = 0; row < columns[i].size(); ++row) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr value,
                            expr::FoldConstants(Expr::Cast(columns[i][row], types[i]),
                                                *context_.evaluation));
      if (value->kind() != expr::ExprKind::kLiteral) {
        return errors::kSqlNotConstant.Make(values.rows[row][i]->where.ToWhere(), "{}",
                                            ToSql(*values.rows[row][i]));
      }
      ARROW_RETURN_NOT_OK(builder->AppendScalar(*value->literal()));
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Array> array, builder->Finish());
    fields.push_back(arrow::field(fmt::format("col{}", i), types[i]));
    arrays.push_back(std::move(array));
  }
  return plan::ValuesNode::Make(arrow::RecordBatch::Make(
      arrow::schema(std::move(fields)), static_cast<int64_t>(values.rows.size()),
      std::move(arrays)));
}

// ORDER BY of a UNION or VALUES: over the output only.
Result<NodePtr> QueryBinder::OrderOutput(const Query& query, NodePtr node) {
  std::vector<plan::SortKey> keys;
  const Relation output = MakeRelation(node, "");
  ExpressionBinder binder(context_, output.scope);
  for (const OrderItem& item : query.order_by) {
    ExprPtr key;
    ARROW_ASSIGN_OR_RAISE(
        std::optional<size_t> position,
        PositionOf(*item.value, static_cast<size_t>(node->schema()->num_fields())));
    if (position) {
      key = ColumnOf(*node, static_cast<int>(*position));
    } else {
      ARROW_ASSIGN_OR_RAISE(key, binder.Bind(*item.value));
    }
    ARROW_RETURN_NOT_OK(CheckKey(*key, item.value->where, "ORDER BY"));
    keys.push_back({std::move(key), item.descending, item.nulls_first.value_or(false)});
  }
  return SortAndLimit(query, std::move(keys), std::move(node));
}

Result<NodePtr> QueryBinder::SortAndLimit(const Query& query,
                                          std::vector<plan::SortKey> keys, NodePtr node) {
  ARROW_ASSIGN_OR_RAISE(std::optional<int64_t> limit, RowCount(query.limit, "LIMIT"));
  ARROW_ASSIGN_OR_RAISE(std::optional<int64_t> offset, RowCount(query.offset, "OFFSET"));
  if (!keys.empty()) {
    if (!node->bounded()) {
      return errors::kNeedsBoundedInput.Make(query.order_by[0].value->where.ToWhere(),
                                             "ORDER BY");
    }
    return plan::SortNode::Make(std::move(node), std::move(keys), limit,
                                offset.value_or(0));
  }
  if (!limit && !offset) return node;
  return plan::LimitNode::Make(std::move(node),
                               limit.value_or(std::numeric_limits<int64_t>::max()),
                               offset.value_or(0));
}

// A constant number of rows; absent for NULL and where nothing is written.
Result<std::optional<int64_t>> QueryBinder::RowCount(const ExpressionPtr& expression,
                                                     std::string_view clause) {
  if (expression == nullptr) return std::nullopt;
  const Scope nothing;
  ExpressionBinder binder(context_, nothing);
  Result<ExprPtr> bound = binder.Bind(*expression);
  const Where where = expression->where.ToWhere();
  if (!bound.ok() && ErrorNumber(bound.status()) != errors::kSqlUnknownColumn.number) {
    return bound.status();
  }
  if (bound.ok()) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr value,
                          expr::FoldConstants(*bound, *context_.evaluation));
    if (value->kind() == expr::ExprKind::kLiteral) {
      const arrow::Scalar& scalar = *value->literal();
      if (!scalar.is_valid) return std::nullopt;
      std::optional<int64_t> count;
      if (scalar.type->id() == arrow::Type::INT32) {
        count = static_cast<const arrow::Int32Scalar&>(scalar).value;
      } else if (scalar.type->id() == arrow::Type::INT64) {
        count = static_cast<const arrow::Int64Scalar&>(scalar).value;
      }
      if (count && *count >= 0) return count;
    }
  }
  return errors::kSqlNotConstant.Make(where, "{} takes a whole number from 0, not {}",
                                      clause, ToSql(*expression));
}

}  // namespace millrace::sql
