// Planner: statements → plans. Binds names and types against the catalog, lowers the
// dialect to plan nodes and optimizes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/expr/function.h"
#include "millrace/plan/catalog.h"
#include "millrace/plan/node.h"
#include "millrace/sql/ast.h"

namespace millrace::sql {

/// What planning may use. Everything outlives the planner; one thread at a time.
struct PlannerContext {
  plan::Catalog* catalog = nullptr;
  const expr::FunctionRegistry* functions = nullptr;
  expr::EvalContext* evaluation = nullptr;  ///< folds constants
  bool optimize = true;
};

/// What a statement asks the engine to do.
struct PlannedStatement {
  enum class Action {
    kQuery,    ///< run `root` and show its rows
    kWrite,    ///< run `root`, a WriteNode
    kDone,     ///< the catalog was changed; `message` says how
    kExplain,  ///< show plan::Explain(root); `explain` says how much more
    kSet,      ///< set option `key` to `value`, or its default when `reset`
  };
  Action action = Action::kQuery;
  plan::NodePtr root;
  ExplainStatement::Mode explain = ExplainStatement::Mode::kPlan;
  std::string message;
  std::string key, value;
  bool reset = false;
  std::vector<Annotation> annotations;  ///< as written; nobody here reads them
};

/// Plan one statement. CREATE and DROP act on the catalog at once, so the statements of a
/// script are planned in order. Fails with the errors of sql/errors.h, expr/errors.h,
/// plan/errors.h or the catalog; Where holds line and column.
Result<PlannedStatement> Plan(const Statement& statement, const PlannerContext& context);

/// The name of the table or file that a statement fills; none where it fills none.
std::optional<std::string> TargetOf(const Statement& statement);

/// The write of `rows` into `table`, with the rules that its checks and its option
/// on_invalid make. The errors of a check name it, not a place.
Result<plan::NodePtr> MakeWrite(plan::NodePtr rows, plan::TablePtr table,
                                const PlannerContext& context);

/// Plan a query, optimized as the context says.
Result<plan::NodePtr> PlanQuery(const Query& query, const PlannerContext& context);

}  // namespace millrace::sql
