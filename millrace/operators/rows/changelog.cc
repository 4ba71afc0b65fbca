// What rows do becomes a column.
#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/changelog_node.h"

namespace millrace::operators {

namespace {

class Changelog final : public UnaryOperator {
 public:
  Changelog(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<arrow::Array> names,
            const OperatorContext& context)
      : schema_(std::move(schema)), names_(std::move(names)), evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    const int64_t rows = batch.num_rows();
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> codes,
                          arrow::AllocateBuffer(rows * 4, evaluation_.pool()));
    auto* code = reinterpret_cast<int32_t*>(codes->mutable_data());
    const arrow::Int8Array* kinds = batch.changes ? batch.changes->kinds.get() : nullptr;
    for (int64_t i = 0; i < rows; ++i) code[i] = kinds != nullptr ? kinds->Value(i) : 0;
    auto columns = batch.rows->columns();
    arrow::FieldVector fields = batch.rows->schema()->fields();
    columns.push_back(std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), arrow::utf8()),
        std::make_shared<arrow::Int32Array>(rows, std::move(codes)), names_));
    fields.push_back(
        schema_->field(schema_->num_fields() - 1)->WithType(columns.back()->type()));
    batch.rows = arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                          std::move(columns));
    batch.changes.reset();
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<arrow::Array> names_;  // by RowKind
  Evaluation evaluation_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeChangelog(const plan::Node& node,
                                                const OperatorContext& context) {
  arrow::StringBuilder names(context.memory->pool());
  for (const auto kind : {data::RowKind::kInsert, data::RowKind::kUpdateBefore,
                          data::RowKind::kUpdateAfter, data::RowKind::kDelete}) {
    ARROW_RETURN_NOT_OK(names.Append(data::RowKindName(kind)));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, names.Finish());
  return std::make_unique<Changelog>(node.schema(), std::move(array), context);
}

}  // namespace millrace::operators
