// Aggregates of the rows with the least and the greatest key.
#pragma once

#include <memory>

#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

/// Which row counts.
struct KeyedRows {
  bool last = false;  ///< the greatest key instead of the least
  bool skip_null_values = false;
  bool skip_null_keys = false;
};

/// The form for ORDER BY inside the call of a function that keeps one row's value.
std::shared_ptr<const AggregateFunction> KeyedForm(expr::FunctionDoc doc, KeyedRows rows);

/// That of DELTA.
std::shared_ptr<const AggregateFunction> KeyedDelta(expr::FunctionDoc doc);

/// The type in which a value is kept as it came.
TypePtr KeptType(const TypePtr& type);

/// The type in which DELTA computes; null where it can't.
TypePtr DeltaType(const TypePtr& type);

}  // namespace millrace::functions
