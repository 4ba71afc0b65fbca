// What the planners of single statements share.
#pragma once

#include <string>

#include "millrace/sql/planner.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

/// The name of an object as the catalog knows it: a.b.c
std::string CatalogName(const Path& path);

/// `root` optimized, when the context asks for it.
Result<plan::NodePtr> OptimizeAs(const PlannerContext& context, plan::NodePtr root);

/// The columns of `schema` under no table name.
Scope ScopeOf(const arrow::Schema& schema);

/// Where the option partition_by of `table` holds expressions (`YEAR(t) AS y`), make them
/// columns of `rows`, and names of the option.
Status ProjectPartitions(plan::NodePtr* rows, plan::TablePtr* table,
                         const PlannerContext& context);

/// Where `table` has the option sort_by, put `rows` in that order, those of one partition
/// together.
Status ArrangeRows(plan::NodePtr* rows, const plan::Table& table);

/// `condition` over rows of `schema`; must be boolean.
Result<expr::ExprPtr> BindCheck(const Expression& condition,
                                const std::shared_ptr<arrow::Schema>& schema,
                                const PlannerContext& context);

/// A row about each column of `table`, whose columns are `schema`.
Result<plan::NodePtr> PlanSummary(TableRef table, const arrow::Schema& schema,
                                  const PlannerContext& context);

Result<PlannedStatement> PlanCreate(const CreateStatement& create, Location where,
                                    const PlannerContext& context);

}  // namespace millrace::sql
