// CAST and TRY_CAST.
//
// The rules are in docs/sql/semantics.md. Where Arrow's kernel follows them it is used;
// text to time, fractions to integers and decimals have kernels of their own.
#pragma once

#include <string>

#include <arrow/datum.h>

#include "millrace/expr/expression.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

/// `input` with its values in type `to`. A value that does not fit fails with kBadCast,
/// naming it and `what` (the expression it came from); when `lenient` it becomes NULL.
Result<arrow::Datum> CastDatum(const arrow::Datum& input, const TypePtr& to, bool lenient,
                               const std::string& what, EvalContext& context);

/// Can a value of `from` fail to fit into `to`?
bool CastCanFail(const arrow::DataType& from, const arrow::DataType& to);

}  // namespace millrace::expr
