// What the planners of single statements share.
#pragma once

#include <string>

#include "millrace/sql/planner.h"

namespace millrace::sql {

/// The name of an object as the catalog knows it: a.b.c
std::string CatalogName(const Path& path);

/// `root` optimized, when the context asks for it.
Result<plan::NodePtr> OptimizeAs(const PlannerContext& context, plan::NodePtr root);

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
