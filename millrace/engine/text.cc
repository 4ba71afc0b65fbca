#include "millrace/engine/text.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/exec.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/data/dictionary.h"
#include "millrace/expr/cast.h"

namespace millrace::engine {

Result<std::shared_ptr<arrow::StringArray>> AsText(
    const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto plain, data::Decoded(column, pool));
  {
    arrow::compute::ExecContext arrow(pool);
    arrow.set_use_threads(false);
    expr::EvalContext context;
    context.pool = pool;
    context.arrow = &arrow;
    auto text =
        expr::CastDatum(plain, arrow::utf8(), /*lenient=*/false, "result", context);
    if (text.ok())
      return std::static_pointer_cast<arrow::StringArray>(text->make_array());
  }
  arrow::StringBuilder builder(pool);
  for (int64_t i = 0; i < plain->length(); ++i) {
    if (plain->IsNull(i)) {
      ARROW_RETURN_NOT_OK(builder.AppendNull());
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto scalar, plain->GetScalar(i));
    ARROW_RETURN_NOT_OK(builder.Append(scalar->ToString()));
  }
  std::shared_ptr<arrow::StringArray> out;
  ARROW_RETURN_NOT_OK(builder.Finish(&out));
  return out;
}

}  // namespace millrace::engine
