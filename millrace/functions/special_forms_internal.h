#pragma once

#include "millrace/expr/function.h"

namespace millrace::functions {

/// Rows of documentation for CASE, CAST and the like.
Status RegisterSpecialForms(expr::FunctionRegistry& registry);

}  // namespace millrace::functions
