#include "millrace/sql/tests/planner_fixture.h"

#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/functions/functions.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser.h"

namespace millrace::sql {

namespace {

std::shared_ptr<arrow::DataType> Micros() {
  return arrow::timestamp(arrow::TimeUnit::MICRO);
}

plan::Table MakeTable(const std::string& name, arrow::FieldVector fields) {
  plan::Table table;
  table.name = name;
  table.connector = "memory";
  table.schema = arrow::schema(std::move(fields));
  return table;
}

// Aggregates whose types are enough for plans; used while no other ones are registered.
void AddAggregate(expr::FunctionRegistry& functions, const std::string& name,
                  bool takes_none, expr::TypePtr result) {
  if (functions.FindAggregate(name) != nullptr) return;
  expr::AggregateFunction out;
  out.doc.name = name;
  out.bind = [takes_none, result](const std::vector<expr::TypePtr>& types,
                                  const std::vector<std::shared_ptr<arrow::Scalar>>&)
      -> Result<expr::AggregateBinding> {
    if (types.size() > 1 || (types.empty() && !takes_none)) {
      return Status::Invalid("arguments");
    }
    expr::TypePtr type = result;
    if (type == nullptr) type = types[0];
    return expr::AggregateBinding{types, type, {type}};
  };
  ASSERT_OK(functions.Add(std::move(out)));
}

// Every column that an expression reads is there and has the type that it says.
void ExpectFits(const expr::ExprPtr& expression, const arrow::Schema& input) {
  if (expression == nullptr) return;
  if (expression->kind() == expr::ExprKind::kColumn) {
    ASSERT_LT(expression->column(), input.num_fields()) << expression->ToString();
    const auto& type = input.field(expression->column())->type();
    EXPECT_TRUE(type->Equals(*expression->type())) << expression->ToString();
  }
  for (const expr::ExprPtr& child : expression->children()) ExpectFits(child, input);
}

void ExpectJoinFits(const plan::JoinNode& join) {
  const arrow::Schema& left = *join.inputs()[0]->schema();
  const arrow::Schema& right = *join.inputs()[1]->schema();
  arrow::FieldVector both = left.fields();
  both.insert(both.end(), right.fields().begin(), right.fields().end());
  ExpectFits(join.residual(), *arrow::schema(both));
  ASSERT_EQ(join.left_keys().size(), join.right_keys().size());
  for (size_t i = 0; i < join.left_keys().size(); ++i) {
    ExpectFits(join.left_keys()[i], left);
    ExpectFits(join.right_keys()[i], right);
    EXPECT_TRUE(join.left_keys()[i]->type()->Equals(*join.right_keys()[i]->type()));
  }
}

void ExpectSound(const plan::NodePtr& node) {
  for (const plan::NodePtr& input : node->inputs()) ExpectSound(input);
  if (node->inputs().empty()) return;
  const arrow::Schema& input = *node->input()->schema();
  if (const auto* filter = plan::As<plan::FilterNode>(node)) {
    ExpectFits(filter->condition(), input);
    EXPECT_EQ(filter->condition()->type()->id(), arrow::Type::BOOL);
  } else if (const auto* project = plan::As<plan::ProjectNode>(node)) {
    for (const auto& expression : project->expressions()) ExpectFits(expression, input);
  } else if (const auto* sort = plan::As<plan::SortNode>(node)) {
    for (const auto& key : sort->keys()) ExpectFits(key.expression, input);
  } else if (const auto* join = plan::As<plan::JoinNode>(node)) {
    ExpectJoinFits(*join);
  } else if (const auto* group = plan::As<plan::AggregateNode>(node)) {
    for (const auto& key : group->keys()) ExpectFits(key, input);
    for (const plan::AggregateCall& call : group->aggregates()) {
      for (const auto& argument : call.arguments) ExpectFits(argument, input);
      ExpectFits(call.filter, input);
    }
    if (group->window()) {
      EXPECT_EQ(input.field(group->window()->time_column)->type()->id(),
                arrow::Type::TIMESTAMP);
    }
  } else if (plan::As<plan::UnionNode>(node) != nullptr) {
    for (const plan::NodePtr& other : node->inputs()) {
      ASSERT_EQ(other->schema()->num_fields(), input.num_fields());
      for (int i = 0; i < input.num_fields(); ++i) {
        EXPECT_TRUE(other->schema()->field(i)->type()->Equals(*input.field(i)->type()));
      }
    }
  }
}

}  // namespace

MemoryCatalog::MemoryCatalog() {
  const auto add = [&](plan::Table table) {
    EXPECT_TRUE(AddTable(std::move(table), false).ok());
  };
  add(MakeTable(
      "orders",
      {arrow::field("id", arrow::int64()), arrow::field("customer", arrow::utf8()),
       arrow::field("amount", arrow::float64()), arrow::field("qty", arrow::int32()),
       arrow::field("ts", Micros())}));
  add(MakeTable("customers", {arrow::field("id", arrow::int64(), false),
                              arrow::field("name", arrow::utf8()),
                              arrow::field("city", arrow::utf8())}));
  plan::Table bids = MakeTable(
      "bids", {arrow::field("auction", arrow::int64()),
               arrow::field("price", arrow::int64()), arrow::field("at", Micros())});
  bids.bounded = false;
  bids.watermark = plan::WatermarkSpec{2, 4'000'000};
  add(std::move(bids));
  add(MakeTable("clicks", {arrow::field("ms", arrow::timestamp(arrow::TimeUnit::MILLI)),
                           arrow::field("url", arrow::utf8())}));
  plan::Table out = MakeTable("out", {arrow::field("id", arrow::int64()),
                                      arrow::field("total", arrow::float64())});
  out.can_read = false;
  add(std::move(out));
}

Result<plan::TablePtr> MemoryCatalog::FindTable(const std::string& name) {
  const auto found = tables_.find(ToLower(name));
  return found == tables_.end() ? nullptr : found->second;
}
Result<plan::NodePtr> MemoryCatalog::FindView(const std::string& name) {
  const auto found = views_.find(ToLower(name));
  return found == views_.end() ? nullptr : found->second;
}
Result<plan::TablePtr> MemoryCatalog::TableOfPath(const std::string& path) {
  if (!path.ends_with(".parquet")) return Status::IOError("no such file: ", path);
  return std::make_shared<plan::Table>(MakeTable(
      path, {arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())}));
}
Result<plan::TablePtr> MemoryCatalog::SinkOfPath(const std::string& path) {
  plan::Table table;
  table.name = path;
  table.connector = "files";
  return std::make_shared<plan::Table>(std::move(table));
}
std::vector<std::string> MemoryCatalog::Names() {
  std::vector<std::string> out;
  for (const auto& [name, table] : tables_) out.push_back(name);
  for (const auto& [name, view] : views_) out.push_back(name);
  return out;
}
Status MemoryCatalog::AddTable(plan::Table table, bool replace) {
  const std::string name = ToLower(table.name);
  if (!replace && tables_.contains(name)) return Status::AlreadyExists(name);
  tables_[name] = std::make_shared<plan::Table>(std::move(table));
  return Status::OK();
}
Status MemoryCatalog::AddView(const std::string& name, plan::NodePtr plan, bool replace) {
  if (!replace && views_.contains(ToLower(name))) return Status::AlreadyExists(name);
  views_[ToLower(name)] = std::move(plan);
  return Status::OK();
}
Status MemoryCatalog::Drop(const std::string& name, bool if_exists) {
  if (tables_.erase(ToLower(name)) + views_.erase(ToLower(name)) == 0 && !if_exists) {
    return Status::KeyError(name);
  }
  return Status::OK();
}

PlannerFixture::PlannerFixture() {
  EXPECT_TRUE(functions::RegisterAll(functions).ok());
  AddAggregate(functions, "count", true, arrow::int64());
  AddAggregate(functions, "sum", false, arrow::int64());
  AddAggregate(functions, "min", false, nullptr);
  AddAggregate(functions, "max", false, nullptr);
  AddAggregate(functions, "avg", false, arrow::float64());
  evaluation.pool = arrow_context.memory_pool();
  evaluation.arrow = &arrow_context;
  evaluation.clock = &clock;
}

Result<PlannedStatement> PlannerFixture::Statement(const std::string& sql,
                                                   bool optimize) {
  ARROW_ASSIGN_OR_RAISE(StatementPtr statement, ParseStatement(sql));
  ARROW_ASSIGN_OR_RAISE(
      PlannedStatement planned,
      Plan(*statement, PlannerContext{&catalog, &functions, &evaluation, optimize}));
  if (planned.root != nullptr) {
    SCOPED_TRACE(sql);
    ExpectSound(planned.root);
  }
  return planned;
}

std::string PlannerFixture::Explain(const std::string& sql, bool optimize) {
  const Result<PlannedStatement> planned = Statement(sql, optimize);
  if (!planned.ok()) return ErrorText(planned.status()) + "\n";
  return planned->root == nullptr ? planned->message + "\n"
                                  : plan::Explain(planned->root);
}

}  // namespace millrace::sql
