// A catalog in memory and everything else that planning needs.
#pragma once

#include <map>
#include <string>

#include <arrow/compute/exec.h>

#include "millrace/plan/catalog.h"
#include "millrace/sql/planner.h"

namespace millrace::sql {

/// Tables: orders(id BIGINT, customer VARCHAR, amount DOUBLE, qty INTEGER, ts TIMESTAMP),
/// customers(id BIGINT NOT NULL, name VARCHAR, city VARCHAR),
/// bids(auction BIGINT, price BIGINT, at TIMESTAMP): unbounded, WATERMARK at - 4 s;
/// clicks(ms TIMESTAMP(3), url VARCHAR); out: a sink (id BIGINT, total DOUBLE).
/// Any path ending in .parquet is a file with columns a BIGINT, b VARCHAR.
class MemoryCatalog : public plan::Catalog {
 public:
  MemoryCatalog();
  Result<plan::TablePtr> FindTable(const std::string& name) override;
  Result<plan::NodePtr> FindView(const std::string& name) override;
  Result<plan::TablePtr> TableOfPath(const std::string& path) override;
  Result<plan::TablePtr> SinkOfPath(const std::string& path) override;
  std::vector<std::string> Names() override;
  Status AddTable(plan::Table table, bool replace) override;
  Status AddView(const std::string& name, plan::NodePtr plan, bool replace) override;
  Status Drop(const std::string& name, bool if_exists) override;

 private:
  std::map<std::string, plan::TablePtr> tables_;
  std::map<std::string, plan::NodePtr> views_;
};

struct PlannerFixture {
  PlannerFixture();

  /// The plan as text, or the error as text.
  std::string Explain(const std::string& sql, bool optimize = true);
  Result<PlannedStatement> Statement(const std::string& sql, bool optimize = true);

  MemoryCatalog catalog;
  expr::FunctionRegistry functions;
  arrow::compute::ExecContext arrow_context;
  ManualClock clock{1'700'000'000'000'000};
  expr::EvalContext evaluation;
};

}  // namespace millrace::sql
