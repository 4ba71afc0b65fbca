// Optimizer: rewrites of plans that keep their meaning, as a list of small rules.
#pragma once

#include <span>
#include <string_view>

#include "millrace/base/result.h"
#include "millrace/expr/function.h"
#include "millrace/plan/node.h"

namespace millrace::sql {

/// What a rule may use.
struct RuleContext {
  const expr::FunctionRegistry& functions;
  expr::EvalContext& evaluation;
};

/// One rewrite of a whole tree. Answers the same schema that it was given.
struct OptimizerRule {
  std::string_view name;
  std::string_view doc;
  Result<plan::NodePtr> (*apply)(plan::NodePtr root, const RuleContext& context);
};

/// The rules in the order in which they are applied.
std::span<const OptimizerRule> OptimizerRules();

/// `root` after every rule.
Result<plan::NodePtr> Optimize(plan::NodePtr root,
                               const expr::FunctionRegistry& functions,
                               expr::EvalContext& evaluation);

}  // namespace millrace::sql
