// The groups of scalar functions, each registered by one call.
#pragma once

#include "millrace/functions/scalar/rows_internal.h"
#include "millrace/functions/scalar/signature_internal.h"

namespace millrace::functions {

using expr::Control;
using expr::FunctionRegistry;
using expr::ScalarFunction;

Status RegisterArithmetic(FunctionRegistry& registry);
Status RegisterComparison(FunctionRegistry& registry);
Status RegisterConditional(FunctionRegistry& registry);
Status RegisterMath(FunctionRegistry& registry);
Status RegisterRounding(FunctionRegistry& registry);
Status RegisterText(FunctionRegistry& registry);
Status RegisterTextParts(FunctionRegistry& registry);
Status RegisterTextCodes(FunctionRegistry& registry);
Status RegisterPatterns(FunctionRegistry& registry);
Status RegisterTimeParts(FunctionRegistry& registry);
Status RegisterDays(FunctionRegistry& registry);
Status RegisterTimeText(FunctionRegistry& registry);
Status RegisterJson(FunctionRegistry& registry);
Status RegisterLists(FunctionRegistry& registry);
Status RegisterListValues(FunctionRegistry& registry);
Status RegisterListChanges(FunctionRegistry& registry);
Status RegisterStructs(FunctionRegistry& registry);
Status RegisterMaps(FunctionRegistry& registry);

}  // namespace millrace::functions
