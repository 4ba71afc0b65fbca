// The functions of the SQL dialect.
#pragma once

#include "millrace/expr/function.h"

namespace millrace::functions {

/// Register every built-in function and operator. Fails only on a duplicate name, a fault
/// of ours.
Status RegisterAll(expr::FunctionRegistry& registry);

}  // namespace millrace::functions
