#include <arrow/array/array_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

#include "millrace/data/row_kinds.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/filter_node.h"

namespace millrace::operators {

namespace {

class Filter final : public UnaryOperator {
 public:
  Filter(expr::ExprPtr condition, const OperatorContext& context)
      : condition_(std::move(condition)), evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(auto chosen, expr::EvaluateToSelection(*condition_, *batch.rows,
                                                                 evaluation_.context()));
    if (chosen->length() == 0) return OpState::kNeedInput;
    if (chosen->length() < batch.num_rows()) {
      ARROW_ASSIGN_OR_RAISE(
          arrow::Datum rows,
          arrow::compute::Take(batch.rows, chosen,
                               arrow::compute::TakeOptions::NoBoundsCheck(),
                               evaluation_.arrow()));
      batch.rows = rows.record_batch();
      ARROW_ASSIGN_OR_RAISE(
          batch.changes, data::SelectChanges(batch.changes, *chosen, evaluation_.pool()));
    }
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  const expr::ExprPtr condition_;
  Evaluation evaluation_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeFilter(const plan::Node& node,
                                             const OperatorContext& context) {
  const auto& filter = static_cast<const plan::FilterNode&>(node);
  return std::make_unique<Filter>(filter.condition(), context);
}

}  // namespace millrace::operators
