#include "millrace/functions/functions.h"

#include <arrow/compute/initialize.h>

#include "millrace/functions/aggregate/register_internal.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/special_forms_internal.h"

namespace millrace::functions {

Status RegisterAll(expr::FunctionRegistry& registry) {
  // Arrow's kernels are loaded here and nowhere else; a second call changes nothing.
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  ARROW_RETURN_NOT_OK(RegisterArithmetic(registry));
  ARROW_RETURN_NOT_OK(RegisterComparison(registry));
  ARROW_RETURN_NOT_OK(RegisterConditional(registry));
  ARROW_RETURN_NOT_OK(RegisterMath(registry));
  ARROW_RETURN_NOT_OK(RegisterRounding(registry));
  ARROW_RETURN_NOT_OK(RegisterText(registry));
  ARROW_RETURN_NOT_OK(RegisterTextParts(registry));
  ARROW_RETURN_NOT_OK(RegisterTextCodes(registry));
  ARROW_RETURN_NOT_OK(RegisterPatterns(registry));
  ARROW_RETURN_NOT_OK(RegisterTimeParts(registry));
  ARROW_RETURN_NOT_OK(RegisterDays(registry));
  ARROW_RETURN_NOT_OK(RegisterTimeText(registry));
  ARROW_RETURN_NOT_OK(RegisterJson(registry));
  ARROW_RETURN_NOT_OK(RegisterLists(registry));
  ARROW_RETURN_NOT_OK(RegisterListValues(registry));
  ARROW_RETURN_NOT_OK(RegisterListChanges(registry));
  ARROW_RETURN_NOT_OK(RegisterStructs(registry));
  ARROW_RETURN_NOT_OK(RegisterMaps(registry));
  ARROW_RETURN_NOT_OK(RegisterBasicAggregates(registry));
  ARROW_RETURN_NOT_OK(RegisterOrderedAggregates(registry));
  ARROW_RETURN_NOT_OK(RegisterMoments(registry));
  ARROW_RETURN_NOT_OK(RegisterTextAggregates(registry));
  ARROW_RETURN_NOT_OK(RegisterQuantiles(registry));
  ARROW_RETURN_NOT_OK(RegisterDistinctAggregates(registry));
  ARROW_RETURN_NOT_OK(RegisterByKey(registry));
  ARROW_RETURN_NOT_OK(RegisterArrayAggregates(registry));
  ARROW_RETURN_NOT_OK(RegisterFolds(registry));
  ARROW_RETURN_NOT_OK(RegisterShapes(registry));
  ARROW_RETURN_NOT_OK(RegisterMode(registry));
  return RegisterSpecialForms(registry);
}

}  // namespace millrace::functions
