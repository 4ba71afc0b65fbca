// DISTINCT for any aggregate.
#pragma once

#include <memory>
#include <vector>

#include "millrace/expr/function.h"

namespace millrace::functions {

/// An accumulator that shows every distinct combination of argument values of a group to
/// `inner` once, in the order of first arrival. Rows with a NULL argument are passed
/// over, unless `keep_nulls`; -0 equals 0 and NaN equals NaN. Can't retract. Keeps all
/// distinct values.
std::unique_ptr<expr::Accumulator> MakeDistinct(std::unique_ptr<expr::Accumulator> inner,
                                                std::vector<expr::TypePtr> argument_types,
                                                arrow::MemoryPool* pool,
                                                bool keep_nulls = false);

/// State columns of MakeDistinct: one list a group for every argument.
std::vector<expr::TypePtr> DistinctStateTypes(
    const std::vector<expr::TypePtr>& argument_types);

}  // namespace millrace::functions
