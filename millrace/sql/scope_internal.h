// Scope: the columns that a name can mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/expr/expression.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/node.h"
#include "millrace/sql/ast.h"

namespace millrace::sql {

struct ScopeColumn {
  std::string table;  ///< alias of its table; empty for a column that JOIN … USING made
  std::string name;
  expr::ExprPtr value;  ///< over the relation's node
  bool in_star = true;
  bool unqualified = true;  ///< may be named without its table
};

/// The window that a relation's rows carry, for GROUP BY window_start.
struct ScopeWindow {
  plan::Window window;
  int first_column = 0;  ///< of window_start, window_end, window_time
  /// What sessions are apart by. An aggregation by these and the bounds finds them; the
  /// rows themselves are never given any.
  std::vector<expr::ExprPtr> session_keys;
};

struct Scope {
  std::vector<ScopeColumn> columns;
  std::optional<int> event_time;  ///< column of the node with the watermark
  std::optional<ScopeWindow> window;

  /// The column `path` names. Fails with kSqlUnknownColumn (nearest name offered),
  /// kSqlAmbiguousColumn or kSqlUnknownTable.
  Result<const ScopeColumn*> Find(const Path& path) const;
  /// As Find, but null when there is no such column.
  Result<const ScopeColumn*> FindOptional(const Path& path) const;
  /// Indices of the columns that `*`, or `qualifier.*`, stands for.
  Result<std::vector<size_t>> Star(const Path& qualifier) const;
};

/// Rows of a plan node under names.
struct Relation {
  plan::NodePtr node;
  Scope scope;
};

/// Every column of `node` under `table`.
Relation MakeRelation(plan::NodePtr node, const std::string& table);

/// A column of `node`, as an expression.
expr::ExprPtr ColumnOf(const plan::Node& node, int index);

/// "; did you mean X?" or nothing.
std::string Suggest(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace millrace::sql
