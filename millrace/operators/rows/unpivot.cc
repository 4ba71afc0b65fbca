#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/record_batch.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/unpivot_node.h"

namespace millrace::operators {

namespace {

class Unpivot final : public UnaryOperator {
 public:
  Unpivot(const plan::UnpivotNode& node, const OperatorContext& context)
      : rows_(node.rows()), schema_(node.schema()), evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    arrow::ArrayVector columns;
    for (int column = 0; column < schema_->num_fields(); ++column) {
      // Row by row: those that come from one row stay together.
      arrow::ArrayVector values;
      for (int64_t row = 0; row < batch.num_rows(); ++row) {
        for (const std::vector<int>& from : rows_) {
          const auto& array = batch.rows->column(from[static_cast<size_t>(column)]);
          values.push_back(array->Slice(row, 1));
        }
      }
      ARROW_ASSIGN_OR_RAISE(auto all, arrow::Concatenate(values, evaluation_.pool()));
      columns.push_back(std::move(all));
    }
    const int64_t rows = batch.num_rows() * static_cast<int64_t>(rows_.size());
    batch.rows = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  const std::vector<std::vector<int>> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeUnpivot(const plan::Node& node,
                                              const OperatorContext& context) {
  return std::make_unique<Unpivot>(static_cast<const plan::UnpivotNode&>(node), context);
}

}  // namespace millrace::operators
