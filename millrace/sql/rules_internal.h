// The rules of the optimizer, and what they share.
#pragma once

#include <functional>
#include <vector>

#include "millrace/expr/expression.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/sql/optimizer.h"

namespace millrace::sql {

/// Replace every constant part of every expression by its value; drop filters that are
/// always true.
Result<plan::NodePtr> FoldPlanConstants(plan::NodePtr root, const RuleContext& context);
/// Move conditions down to where their columns come from, and offer them to the sources.
Result<plan::NodePtr> PushFilters(plan::NodePtr root, const RuleContext& context);
/// Read and pass on only the columns that somebody above looks at.
Result<plan::NodePtr> PruneColumns(plan::NodePtr root, const RuleContext& context);
/// Tell sources and sorts how many rows will be looked at.
Result<plan::NodePtr> PushLimits(plan::NodePtr root, const RuleContext& context);

/// `node` over its inputs rewritten by `rewrite`.
Result<plan::NodePtr> RewriteInputs(
    const plan::NodePtr& node,
    const std::function<Result<plan::NodePtr>(const plan::NodePtr&)>& rewrite);

/// May columns of `expression` be replaced by `replacements`? Not when the result would
/// be large: a column that is doubled by each of thirty subqueries would fill the memory.
bool CanSubstitute(const expr::Expr& expression,
                   const std::vector<expr::ExprPtr>& replacements);

/// Join a projection over a projection into one, where nothing is computed twice.
Result<plan::NodePtr> MergeProjects(plan::NodePtr root, const RuleContext& context);

/// The names of an aggregation's keys.
std::vector<std::string> KeyNames(const plan::AggregateNode& node);

/// Columns `columns` of `node`, in that order; `node` itself when that is what it gives.
plan::NodePtr SelectColumns(plan::NodePtr node, const std::vector<int>& columns,
                            const std::vector<std::string>& names);

}  // namespace millrace::sql
