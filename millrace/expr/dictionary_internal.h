// Evaluation over the values of a dictionary instead of the rows that refer to them.
#pragma once

#include <arrow/datum.h>

#include "millrace/expr/evaluate.h"

namespace millrace::expr {

/// The one column that `expr` reads, if it is dictionary-encoded with fewer values than
/// rows and `expr` gives the same answer for the same value; else -1.
int DictionaryColumn(const Expr& expr, const arrow::RecordBatch& rows);

/// `expr` computed once a value and spread over the rows; a text result stays
/// dictionary-encoded (its values may repeat). Values that no row refers to are not
/// looked at where they could fail.
Result<arrow::Datum> EvaluateOverDictionary(const Expr& expr,
                                            const arrow::RecordBatch& rows, int column,
                                            EvalContext& context);

}  // namespace millrace::expr
