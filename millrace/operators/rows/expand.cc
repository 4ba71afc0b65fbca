// Rows once a grouping set.
#include <algorithm>
#include <optional>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/expand_node.h"

namespace millrace::operators {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// The columns of the input are shared by the rows of all sets.
class Expand final : public UnaryOperator {
 public:
  Expand(const plan::ExpandNode& node, const OperatorContext& context)
      : keys_(node.keys()),
        sets_(node.sets()),
        marks_rows_(node.marks_rows()),
        schema_(node.schema()),
        evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    if (batch.num_rows() == 0) return OpState::kNeedInput;
    values_.clear();
    for (const expr::ExprPtr& key : keys_) {
      ARROW_ASSIGN_OR_RAISE(
          ArrayPtr values,
          expr::EvaluateToArray(*key, *batch.rows, evaluation_.context()));
      values_.push_back(std::move(values));
    }
    ARROW_RETURN_NOT_OK(Prepare(batch.num_rows()));
    batch_ = std::move(batch);
    next_ = 0;
    return Continue(out);
  }

  Result<OpState> Continue(Output& out) override {
    if (!batch_) return OpState::kNeedInput;
    const size_t end = std::min(sets_.size(), next_ + kSetsAtOnce);
    for (; next_ < end; ++next_) {
      data::Batch batch = *batch_;
      ARROW_ASSIGN_OR_RAISE(batch.rows, RowsOfSet(next_));
      out.Push(std::move(batch));
    }
    if (next_ < sets_.size()) return OpState::kHasOutput;
    batch_.reset();
    values_.clear();
    return OpState::kNeedInput;
  }

  Result<OpState> OnEnd(Output& out) override {
    if (!marks_rows_) return OpState::kNeedInput;
    for (const plan::GroupingSet& set : sets_) {
      const auto& has = set.has_key;
      if (std::find(has.begin(), has.end(), true) != has.end()) continue;
      arrow::ArrayVector columns;
      for (const auto& field : schema_->fields()) {
        ARROW_ASSIGN_OR_RAISE(ArrayPtr column, arrow::MakeArrayOfNull(
                                                   field->type(), 1, evaluation_.pool()));
        columns.push_back(std::move(column));
      }
      const size_t id = columns.size() - 2;
      ARROW_ASSIGN_OR_RAISE(columns[id], Constant(arrow::Int64Scalar(set.id), 1));
      ARROW_ASSIGN_OR_RAISE(columns[id + 1], Constant(arrow::BooleanScalar(false), 1));
      data::Batch batch;
      batch.rows = arrow::RecordBatch::Make(schema_, 1, std::move(columns));
      out.Push(std::move(batch));
    }
    return OpState::kNeedInput;
  }

 private:
  // Few events a call, however many sets there are.
  static constexpr size_t kSetsAtOnce = 16;

  Result<ArrayPtr> Constant(const arrow::Scalar& value, int64_t rows) const {
    return arrow::MakeArrayFromScalar(value, rows, evaluation_.pool());
  }

  // Columns that are the same for every batch are made once, as long as the longest.
  Status Prepare(int64_t rows) {
    if (rows <= prepared_rows_) return Status::OK();
    nulls_.clear();
    for (const expr::ExprPtr& key : keys_) {
      ARROW_ASSIGN_OR_RAISE(
          ArrayPtr nulls, arrow::MakeArrayOfNull(key->type(), rows, evaluation_.pool()));
      nulls_.push_back(std::move(nulls));
    }
    ARROW_ASSIGN_OR_RAISE(marks_, Constant(arrow::BooleanScalar(true), rows));
    prepared_rows_ = rows;
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> RowsOfSet(size_t index) const {
    const plan::GroupingSet& set = sets_[index];
    const arrow::RecordBatch& rows = *batch_->rows;
    const int64_t count = rows.num_rows();
    arrow::ArrayVector columns = rows.columns();
    for (size_t i = 0; i < keys_.size(); ++i) {
      columns.push_back(set.has_key[i] ? values_[i] : nulls_[i]->Slice(0, count));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr ids, Constant(arrow::Int64Scalar(set.id), count));
    columns.push_back(std::move(ids));
    if (marks_rows_) columns.push_back(marks_->Slice(0, count));
    // A column may come as a dictionary.
    arrow::FieldVector fields;
    for (size_t i = 0; i < columns.size(); ++i) {
      fields.push_back(schema_->field(static_cast<int>(i))->WithType(columns[i]->type()));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), count,
                                    std::move(columns));
  }

  const std::vector<expr::ExprPtr> keys_;
  const std::vector<plan::GroupingSet> sets_;
  const bool marks_rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
  std::optional<data::Batch> batch_;  // whose rows are being put out
  arrow::ArrayVector values_;         // its keys
  size_t next_ = 0;                   // set
  arrow::ArrayVector nulls_;          // for each key
  ArrayPtr marks_;
  int64_t prepared_rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeExpand(const plan::Node& node,
                                             const OperatorContext& context) {
  return std::make_unique<Expand>(static_cast<const plan::ExpandNode&>(node), context);
}

}  // namespace millrace::operators
