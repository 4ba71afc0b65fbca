// Conditions in the form that sources understand.
#pragma once

#include "millrace/data/predicate.h"
#include "millrace/expr/expression.h"
#include "millrace/sql/optimizer.h"

namespace millrace::sql {

/// `condition` as a predicate over columns and constants, true for the same rows; null
/// where it has no such form, or where NaN could be lost on the way.
data::PredicatePtr ToPredicate(const expr::ExprPtr& condition,
                               const RuleContext& context);

}  // namespace millrace::sql
