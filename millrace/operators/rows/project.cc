#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/project_node.h"

namespace millrace::operators {

namespace {

class Project final : public UnaryOperator {
 public:
  Project(std::vector<expr::ExprPtr> expressions, std::shared_ptr<arrow::Schema> schema,
          const OperatorContext& context)
      : expressions_(std::move(expressions)),
        schema_(std::move(schema)),
        evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    columns.reserve(expressions_.size());
    arrow::FieldVector fields = schema_->fields();
    bool as_declared = true;
    for (size_t i = 0; i < expressions_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(
          auto column,
          expr::EvaluateToArray(*expressions_[i], *batch.rows, evaluation_.context()));
      if (column->type_id() != fields[i]->type()->id()) {
        // Dictionary-encoded text: the one freedom that a batch has against its schema.
        fields[i] = fields[i]->WithType(column->type());
        as_declared = false;
      }
      columns.push_back(std::move(column));
    }
    batch.rows =
        arrow::RecordBatch::Make(as_declared ? schema_ : arrow::schema(std::move(fields)),
                                 batch.num_rows(), std::move(columns));
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  const std::vector<expr::ExprPtr> expressions_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeProject(const plan::Node& node,
                                              const OperatorContext& context) {
  const auto& project = static_cast<const plan::ProjectNode&>(node);
  return std::make_unique<Project>(project.expressions(), project.schema(), context);
}

}  // namespace millrace::operators
