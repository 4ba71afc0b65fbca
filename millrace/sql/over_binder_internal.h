// OverBinder: functions OVER (…) of one SELECT become columns of OverNodes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/plan/over_node.h"
#include "millrace/sql/expression_binder_internal.h"

namespace millrace::sql {

/// ROW_NUMBER, LAG and the like, in any case: functions that only OVER gives a meaning.
bool NeedsOver(std::string_view function);

/// Collects the calls of a SELECT list, QUALIFY and ORDER BY. Bind answers with columns
/// that stand for nothing yet; once all calls are bound, Node makes the nodes, one for
/// each partition and order, and Resolve puts their columns in place.
class OverBinder {
 public:
  /// Both outlive this; `select` has the named windows.
  OverBinder(const PlannerContext& context, const Select& select)
      : context_(context), select_(select) {}

  /// `binder` binds what is inside the call, over the input of the nodes.
  Result<expr::ExprPtr> Bind(const FunctionCall& call, const Expression& expression,
                             ExpressionBinder& binder);
  bool empty() const { return windows_.empty(); }
  /// Called once, after everything is bound.
  Result<plan::NodePtr> Node(plan::NodePtr input);
  expr::ExprPtr Resolve(const expr::ExprPtr& expression) const;

 private:
  // One node.
  struct Window {
    std::vector<expr::ExprPtr> partition;
    std::vector<plan::SortKey> order;
    std::vector<plan::OverCall> calls;
    std::vector<size_t> numbers;  // of the calls among all
    std::vector<Location> places;
  };

  Result<OverWindow> WindowOf(const FunctionCall& call, Location where) const;
  Result<OverWindow> Named(const Identifier& name) const;
  Result<Window> BindWindow(const OverWindow& window, Location where,
                            ExpressionBinder& binder);
  Result<plan::OverFrame> BindFrame(const OverWindow& window, const Window& bound,
                                    Location where, ExpressionBinder& binder);
  Status BindBound(const FrameBound& bound, plan::OverFrame::Unit unit,
                   const Window& window, Location where, ExpressionBinder& binder,
                   plan::FrameBound* out);
  Status BindDistance(const Expression& offset, const Window& window,
                      ExpressionBinder& binder, plan::FrameBound* out);
  Result<int64_t> WholeNumber(const Expression& expression, std::string_view what,
                              ExpressionBinder& binder) const;
  Status BindFunction(const FunctionCall& call, Location where, ExpressionBinder& binder,
                      plan::OverCall* out);
  Status BindNeighbour(const FunctionCall& call, bool before, Location where,
                       ExpressionBinder& binder, plan::OverCall* out);
  Status BindArrival(expr::ExprPtr value, Location where, plan::OverCall* out);
  Status BindAggregate(const FunctionCall& call, Location where, ExpressionBinder& binder,
                       plan::OverCall* out);
  Result<expr::ExprPtr> Add(Window window, plan::OverCall call, Location where);
  static bool ByTime(const Window& window, const plan::Node& input);

  const PlannerContext& context_;
  const Select& select_;
  std::vector<Window> windows_;
  size_t calls_ = 0;
  std::vector<int> columns_;  // of each call, once the nodes are made
};

}  // namespace millrace::sql
