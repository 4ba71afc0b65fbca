// AggregateBinder: expressions over groups: keys and aggregates become columns of an
// AggregateNode.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/plan/aggregate_node.h"
#include "millrace/sql/expression_binder_internal.h"

namespace millrace::sql {

/// The keys of a GROUP BY, bound over the input, and its window.
struct Grouping {
  std::vector<expr::ExprPtr> keys;
  std::vector<std::string> names;
  std::optional<plan::Window> window;
  expr::TypePtr window_type;  ///< of window_start, when there is a window
  plan::Emission emission;
  /// Text of an input expression → column of the AggregateNode's output.
  std::vector<std::pair<std::string, int>> columns;
  /// Of grouping sets: the output column with the id of a group's set, and the column of
  /// the input that is true for rows, where there are groups without any; or null.
  std::optional<int> set_id;
  expr::ExprPtr row_mark;

  int first_key() const { return window ? 2 : 0; }
};

/// Binds SELECT, HAVING and ORDER BY of a grouped query over the AggregateNode's output,
/// collecting the aggregates on the way. All must be bound before Node is asked for.
class AggregateBinder final : public ExpressionBinder {
 public:
  AggregateBinder(const PlannerContext& context, const Scope& scope,
                  const Grouping& grouping)
      : ExpressionBinder(context, scope), input_(context, scope), grouping_(grouping) {}

  plan::NodePtr Node(plan::NodePtr input) const;
  /// The output column for `input`, an expression over the input that must be a key.
  Result<expr::ExprPtr> KeyColumn(const expr::ExprPtr& input, const std::string& name,
                                  Location where) const;

 protected:
  Result<std::optional<expr::ExprPtr>> Intercept(const Expression& expression) override;
  Result<expr::ExprPtr> BindName(const Path& path) override;

 private:
  Result<expr::ExprPtr> BindAggregate(const FunctionCall& call,
                                      const Expression& expression);
  Result<expr::ExprPtr> BindGroupingCall(const FunctionCall& call, Location where);
  void OrderByEventTime(plan::AggregateCall* out) const;
  Status BindOrder(const FunctionCall& call, Location where, plan::AggregateCall* out);
  std::optional<expr::ExprPtr> WindowColumn(const std::string& name) const;
  expr::ExprPtr Output(int column) const;

  ExpressionBinder input_;
  const Grouping& grouping_;
  std::vector<plan::AggregateCall> aggregates_;
};

}  // namespace millrace::sql
