#include <arrow/compute/api.h>

#include "millrace/functions/scalar/rows_internal.h"

namespace millrace::functions {

Result<arrow::Datum> Retyped(std::shared_ptr<arrow::Array> array,
                             const expr::TypePtr& type, bool scalar) {
  if (!array->type()->Equals(*type)) {
    auto data = array->data()->Copy();
    data->type = type;
    array = arrow::MakeArray(std::move(data));
  }
  if (!scalar) return arrow::Datum(std::move(array));
  ARROW_ASSIGN_OR_RAISE(auto value, array->GetScalar(0));
  return arrow::Datum(std::move(value));
}

Result<arrow::Datum> CallArrow(EvalContext& context, const std::string& name,
                               const Arguments& arguments,
                               const arrow::compute::FunctionOptions* options) {
  return arrow::compute::CallFunction(name, arguments, options, context.arrow);
}

}  // namespace millrace::functions
