// Evaluation of the nodes whose children are needed on some rows only.
#pragma once

#include <arrow/datum.h>

#include "millrace/expr/evaluate.h"

namespace millrace::expr {

/// `expr` evaluated on every row, whatever its kind.
Result<arrow::Datum> EvaluateNode(const Expr& expr, const arrow::RecordBatch& rows,
                                  EvalContext& context);

/// CASE. When no value or later condition can fail, everything is computed on all rows
/// and chosen from; else each part sees only the rows that reach it.
Result<arrow::Datum> EvaluateCase(const Expr& expr, const arrow::RecordBatch& rows,
                                  EvalContext& context);

/// AND, OR with the right sides on the rows that the left ones leave open.
Result<arrow::Datum> EvaluateLogical(const Expr& expr, const arrow::RecordBatch& rows,
                                     EvalContext& context);

/// COALESCE with later arguments on the rows where earlier ones were NULL.
Result<arrow::Datum> EvaluateCoalesce(const Expr& expr, const arrow::RecordBatch& rows,
                                      EvalContext& context);

}  // namespace millrace::expr
