// QueryBinder: queries → plan nodes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/plan/sort_node.h"
#include "millrace/sql/aggregate_binder_internal.h"
#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

/// One column of a SELECT list, stars expanded.
struct OutputItem {
  ExpressionPtr value;  ///< null for a column that a star stands for
  expr::ExprPtr input;  ///< that column, over the input
  std::string name;
  Location where;
};

class GroupingSets;

/// `node` without repeated rows.
Result<plan::NodePtr> DistinctRows(plan::NodePtr node, Location where,
                                   std::string_view what);

/// The output position that a literal in GROUP BY or ORDER BY names, from 0; absent for
/// other expressions. Fails with kSqlBadPosition.
Result<std::optional<size_t>> PositionOf(const Expression& expression, size_t columns);

class QueryBinder {
 public:
  explicit QueryBinder(const PlannerContext& context) : context_(context) {}

  /// The rows of `query`, its columns under no table name.
  Result<plan::NodePtr> BindQuery(const Query& query);
  /// A table or view by name, a file by path.
  Result<Relation> BindNamedTable(const NamedTable& table, const TableAlias& alias,
                                  Location where);

 private:
  // The names of WITH that can be used at a place: a list that grows inwards. A query of
  // WITH sees what stands before it, so it is bound with its own tail of the list.
  struct CommonTables {
    const CommonTable* table;
    std::shared_ptr<const CommonTables> outer;
  };

  // --- bind_query.cc
  Result<plan::NodePtr> BindOrdered(const Query& query);
  Status CheckClauses(const Query& query);
  Result<plan::NodePtr> BindBody(const QueryBody& body);
  Result<plan::NodePtr> BindSetOperation(const SetOperation& node, Location where);
  Result<plan::NodePtr> BindValues(const Values& values, Location where);
  Result<plan::NodePtr> OrderOutput(const Query& query, plan::NodePtr node);
  Result<plan::NodePtr> SortAndLimit(const Query& query, std::vector<plan::SortKey> keys,
                                     plan::NodePtr node);
  Result<std::optional<int64_t>> RowCount(const ExpressionPtr& expression,
                                          std::string_view clause);

  // --- bind_select.cc
  Result<plan::NodePtr> BindSelect(const Select& select, const Query& query,
                                   Location where);
  Result<Relation> BindWhere(const Select& select, Relation from);
  Result<plan::NodePtr> SemiJoin(const InTest& test, Location where,
                                 const Relation& from);
  Result<std::vector<OutputItem>> ExpandStars(const Select& select, const Scope& scope);
  Result<plan::NodePtr> Finish(const Select& select, const Query& query,
                               const std::vector<OutputItem>& items,
                               ExpressionBinder* binder, AggregateBinder* groups,
                               plan::NodePtr input);

  // --- bind_group.cc
  Result<Grouping> BindGrouping(const Select& select,
                                const std::vector<OutputItem>& items, Location where,
                                Relation* from);
  static void Expand(const GroupingSets& sets, Relation* from, Grouping* grouping);
  static Result<std::optional<int>> BindKey(const Expression& expression,
                                            const std::vector<OutputItem>& items,
                                            const Relation& from,
                                            ExpressionBinder* binder, Grouping* grouping);
  static Result<std::optional<int>> AddKey(expr::ExprPtr key, std::string name,
                                           const Relation& from, Grouping* grouping);

  // --- bind_emission.cc
  static Status BindEmission(const Query& query, const plan::NodePtr& input,
                             Location where, Grouping* grouping);
  Status CheckEmit(const Query& query, const plan::NodePtr& node) const;

  // --- bind_window.cc
  Result<plan::Window> BindWindow(const TimeWindow& window, Relation* from);
  Result<Relation> BindTableFunction(const TableFunction& function,
                                     const TableAlias& alias, Location where);
  Result<Relation> BindSessionFunction(const TableFunction& function,
                                       const TableAlias& alias, Location where);
  Result<Relation> BindTableArgument(const TableArgument& argument);
  static Result<Relation> WithBounds(Relation input, const plan::Window& window,
                                     const TableAlias& alias, Location where);
  static Status FindSessions(Location where, Relation* from, Grouping* grouping);

  // --- bind_table.cc
  Result<Relation> BindFrom(const Select& select);
  Result<Relation> BindTable(const TableRef& table);
  Result<Relation> BindSubquery(const Query& query, const TableAlias& alias,
                                Location where);
  static Status NameColumns(const TableAlias& alias, Location where, Scope* scope);
  Result<Relation> Rename(plan::NodePtr node, const std::string& name,
                          const TableAlias& alias, Location where);

  // --- bind_join.cc
  Result<Relation> BindJoin(const Join& join, Location where);
  Result<Relation> CrossJoin(Relation left, Relation right, Location right_where);

  const PlannerContext& context_;
  std::shared_ptr<const CommonTables> common_;
  int inlined_ = 0;
};

/// Does the SELECT aggregate, with or without GROUP BY?
bool IsGrouped(const Select& select, const Query& query,
               const expr::FunctionRegistry& functions);

/// The length of a window in microseconds. Fails with kSqlBadWindow for months and for
/// fractions of a microsecond.
Result<int64_t> MicrosOf(const Duration& duration);

/// Are there rows in `node` that are still to be put into sessions?
bool HoldsSessions(const plan::NodePtr& node);

/// Make `column` of `relation` a timestamp of microseconds that a window can use: the
/// index of it, or of a cast of it appended as the last column.
Result<int> EventTimeColumn(const expr::ExprPtr& column, Location where,
                            Relation* relation);

}  // namespace millrace::sql
