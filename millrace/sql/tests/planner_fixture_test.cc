#include "millrace/sql/tests/planner_fixture.h"

#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/functions/functions.h"
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
  return Plan(*statement, PlannerContext{&catalog, &functions, &evaluation, optimize});
}

std::string PlannerFixture::Explain(const std::string& sql, bool optimize) {
  const Result<PlannedStatement> planned = Statement(sql, optimize);
  if (!planned.ok()) return ErrorText(planned.status()) + "\n";
  return planned->root == nullptr ? planned->message + "\n"
                                  : plan::Explain(planned->root);
}

}  // namespace millrace::sql
