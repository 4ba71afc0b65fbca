// Evaluation of expressions over batches.
#pragma once

#include <arrow/datum.h>

#include "millrace/expr/expression.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

/// The value of `expr` for every row: an array of rows->num_rows() values, or a scalar
/// for a constant. A string column that is only passed on keeps its dictionary encoding;
/// an expression over one dictionary column may be evaluated over the dictionary's values
/// instead of its rows.
Result<arrow::Datum> Evaluate(const Expr& expr, const arrow::RecordBatch& rows,
                              EvalContext& context);

/// As Evaluate, with a constant spread over the rows.
Result<std::shared_ptr<arrow::Array>> EvaluateToArray(const Expr& expr,
                                                      const arrow::RecordBatch& rows,
                                                      EvalContext& context);

/// Rows where a boolean `expr` is true (not false, not NULL), ascending row numbers.
Result<std::shared_ptr<arrow::Int32Array>> EvaluateToSelection(
    const Expr& expr, const arrow::RecordBatch& rows, EvalContext& context);

/// `expr` with every constant part replaced by its value. A constant that fails to
/// evaluate (1/0) is left as it is, so that the error is met only if a row reaches it.
Result<ExprPtr> FoldConstants(const ExprPtr& expr, EvalContext& context);

/// The type to which both sides are cast in comparisons, CASE, COALESCE, UNION: null when
/// there is none.
TypePtr CommonType(const TypePtr& left, const TypePtr& right);

}  // namespace millrace::expr
