// Equi-joins with a bounded build side.
#include <algorithm>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/join/build_table.h"
#include "millrace/operators/rows_buffer.h"
#include "millrace/plan/join_node.h"

namespace millrace::operators {

namespace {

using plan::JoinType;
using Arrays = std::vector<std::shared_ptr<arrow::Array>>;

constexpr int kProbe = 0;
constexpr int kBuild = 1;

class Join final : public Operator {
 public:
  Join(const plan::JoinNode& node, const OperatorContext& context)
      : type_(node.type()),
        left_keys_(node.left_keys()),
        right_keys_(node.right_keys()),
        residual_(node.residual()),
        schema_(node.schema()),
        pair_schema_(PairSchema(node)),
        batch_rows_(context.batch_rows),
        memory_(context.memory),
        evaluation_(context),
        buffer_(node.inputs()[1]->schema(), context.memory->pool()) {}

  bool wants(int port) const override { return table_ ? port == kProbe : port == kBuild; }

  Result<OpState> Run(Input* in, Output& out, const Budget&) override {
    if (in == nullptr) return Continue(out);
    if (in->port == kBuild) {
      if (auto* batch = std::get_if<data::Batch>(&in->event))
        buffer_.Add(std::move(batch->rows));
      if (std::holds_alternative<End>(in->event)) ARROW_RETURN_NOT_OK(Build());
      return OpState::kNeedInput;
    }
    if (auto* batch = std::get_if<data::Batch>(&in->event)) {
      ARROW_RETURN_NOT_OK(BeginProbe(std::move(*batch)));
      return Continue(out);
    }
    if (std::holds_alternative<End>(in->event)) {
      ended_ = true;
      return Continue(out);
    }
    out.Push(std::move(in->event));
    return OpState::kNeedInput;
  }

 private:
  // The columns of a pair of rows, over which the residual condition is evaluated.
  static std::shared_ptr<arrow::Schema> PairSchema(const plan::JoinNode& node) {
    arrow::FieldVector fields = node.inputs()[0]->schema()->fields();
    const auto& right = node.inputs()[1]->schema()->fields();
    fields.insert(fields.end(), right.begin(), right.end());
    return arrow::schema(std::move(fields));
  }

  bool KeepsUnmatchedLeft() const {
    return type_ == JoinType::kLeft || type_ == JoinType::kFull ||
           type_ == JoinType::kAnti;
  }
  bool KeepsUnmatchedRight() const {
    return type_ == JoinType::kRight || type_ == JoinType::kFull;
  }
  bool LeftOnly() const { return type_ == JoinType::kSemi || type_ == JoinType::kAnti; }

  Result<Arrays> Keys(const std::vector<expr::ExprPtr>& keys,
                      const arrow::RecordBatch& rows) {
    Arrays out;
    for (const expr::ExprPtr& key : keys) {
      ARROW_ASSIGN_OR_RAISE(auto column,
                            expr::EvaluateToArray(*key, rows, evaluation_.context()));
      ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation_.pool()));
      out.push_back(std::move(column));
    }
    return out;
  }

  Status Build() {
    ARROW_ASSIGN_OR_RAISE(build_rows_, buffer_.Take());
    ARROW_ASSIGN_OR_RAISE(Arrays keys, Keys(right_keys_, *build_rows_));
    ARROW_ASSIGN_OR_RAISE(
        table_, BuildTable::Make(std::move(keys), build_rows_->num_rows(), memory_));
    if (KeepsUnmatchedRight())
      build_matched_.assign(static_cast<size_t>(build_rows_->num_rows()), 0);
    return Status::OK();
  }

  Status BeginProbe(data::Batch batch) {
    probe_ = std::move(batch);
    const int64_t rows = probe_.num_rows();
    ARROW_ASSIGN_OR_RAISE(probe_keys_, Keys(left_keys_, *probe_.rows));
    candidates_.resize(static_cast<size_t>(rows));
    ARROW_RETURN_NOT_OK(table_->Find(probe_keys_, rows, candidates_.data()));
    probe_matched_.assign(static_cast<size_t>(rows), 0);
    probe_row_ = 0;
    probing_ = true;
    return Status::OK();
  }

  Result<OpState> Continue(Output& out) {
    if (probing_) {
      ARROW_RETURN_NOT_OK(PutPairs(out));
      if (probe_row_ < probe_.num_rows()) return OpState::kHasOutput;
      probing_ = false;
      if (KeepsUnmatchedLeft() || type_ == JoinType::kSemi)
        ARROW_RETURN_NOT_OK(PutProbeRows(out));
      probe_ = {};
      return OpState::kNeedInput;
    }
    if (!ended_) return OpState::kNeedInput;
    if (KeepsUnmatchedRight() && unmatched_at_ < build_rows_->num_rows()) {
      ARROW_RETURN_NOT_OK(PutBuildRows(out));
      return OpState::kHasOutput;
    }
    out.Push(End{});
    return OpState::kDone;
  }

  // The next pairs, at most about batch_rows_ of them: one probe row may match millions
  // of build rows, so a chain can be left in the middle and gone on with.
  Status PutPairs(Output& out) {
    arrow::Int32Builder left(evaluation_.pool()), right(evaluation_.pool());
    const int64_t rows = probe_.num_rows();
    while (probe_row_ < rows && left.length() < batch_rows_) {
      int32_t& candidate = candidates_[static_cast<size_t>(probe_row_)];
      while (candidate != BuildTable::kNone && left.length() < batch_rows_) {
        const int32_t row = candidate;
        candidate = table_->Next(row);
        if (!table_->Matches(probe_keys_, probe_row_, row)) continue;
        ARROW_RETURN_NOT_OK(left.Append(static_cast<int32_t>(probe_row_)));
        ARROW_RETURN_NOT_OK(right.Append(row));
        // One match is enough to know, where no further condition can refuse it.
        if (LeftOnly() && !residual_) candidate = BuildTable::kNone;
      }
      if (candidate == BuildTable::kNone) ++probe_row_;
    }
    if (left.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> left_rows, right_rows;
    ARROW_RETURN_NOT_OK(left.Finish(&left_rows));
    ARROW_RETURN_NOT_OK(right.Finish(&right_rows));
    std::shared_ptr<arrow::RecordBatch> pairs;
    if (!LeftOnly() || residual_) {
      ARROW_ASSIGN_OR_RAISE(pairs, Paired(left_rows, right_rows));
    }
    if (residual_) {
      ARROW_ASSIGN_OR_RAISE(auto chosen, expr::EvaluateToSelection(
                                             *residual_, *pairs, evaluation_.context()));
      if (chosen->length() < pairs->num_rows()) {
        ARROW_ASSIGN_OR_RAISE(pairs, TakeRows(pairs, chosen));
        ARROW_ASSIGN_OR_RAISE(left_rows, TakeIndices(left_rows, chosen));
        ARROW_ASSIGN_OR_RAISE(right_rows, TakeIndices(right_rows, chosen));
      }
    }
    for (int64_t i = 0; i < left_rows->length(); ++i) {
      probe_matched_[static_cast<size_t>(left_rows->Value(i))] = 1;
      if (KeepsUnmatchedRight())
        build_matched_[static_cast<size_t>(right_rows->Value(i))] = 1;
    }
    if (!LeftOnly() && pairs->num_rows() > 0) Put(std::move(pairs), out);
    return Status::OK();
  }

  // Probe rows without a match (with one, for semi), as far as the join's type wants
  // them.
  Status PutProbeRows(Output& out) {
    const char wanted = type_ == JoinType::kSemi ? 1 : 0;
    arrow::Int32Builder chosen(evaluation_.pool());
    for (size_t i = 0; i < probe_matched_.size(); ++i) {
      if (probe_matched_[i] == wanted)
        ARROW_RETURN_NOT_OK(chosen.Append(static_cast<int32_t>(i)));
    }
    if (chosen.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> rows;
    ARROW_RETURN_NOT_OK(chosen.Finish(&rows));
    ARROW_ASSIGN_OR_RAISE(auto left, TakeRows(probe_.rows, rows));
    if (!LeftOnly()) {
      ARROW_ASSIGN_OR_RAISE(left, WithNulls(left, left->num_columns()));
    }
    Put(std::move(left), out);
    return Status::OK();
  }

  Status PutBuildRows(Output& out) {
    arrow::Int32Builder chosen(evaluation_.pool());
    while (unmatched_at_ < build_rows_->num_rows() && chosen.length() < batch_rows_) {
      if (build_matched_[static_cast<size_t>(unmatched_at_)] == 0) {
        ARROW_RETURN_NOT_OK(chosen.Append(static_cast<int32_t>(unmatched_at_)));
      }
      ++unmatched_at_;
    }
    if (chosen.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> rows;
    ARROW_RETURN_NOT_OK(chosen.Finish(&rows));
    ARROW_ASSIGN_OR_RAISE(auto right, TakeRows(build_rows_, rows));
    ARROW_ASSIGN_OR_RAISE(auto whole, WithNulls(right, 0));
    probe_ = {};
    Put(std::move(whole), out);
    return Status::OK();
  }

  // `rows` with the other side's columns as NULLs, before or behind column `at`.
  Result<std::shared_ptr<arrow::RecordBatch>> WithNulls(
      const std::shared_ptr<arrow::RecordBatch>& rows, int at) {
    Arrays columns = rows->columns();
    const int missing = schema_->num_fields() - rows->num_columns();
    for (int i = 0; i < missing; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto nulls,
                            arrow::MakeArrayOfNull(schema_->field(at + i)->type(),
                                                   rows->num_rows(), evaluation_.pool()));
      columns.insert(columns.begin() + at + i, std::move(nulls));
    }
    return Named(schema_, std::move(columns), rows->num_rows());
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Paired(
      const std::shared_ptr<arrow::Int32Array>& left_rows,
      const std::shared_ptr<arrow::Int32Array>& right_rows) {
    ARROW_ASSIGN_OR_RAISE(auto left, TakeRows(probe_.rows, left_rows));
    ARROW_ASSIGN_OR_RAISE(auto right, TakeRows(build_rows_, right_rows));
    Arrays columns = left->columns();
    const Arrays others = right->columns();
    columns.insert(columns.end(), others.begin(), others.end());
    return Named(pair_schema_, std::move(columns), left->num_rows());
  }

  static std::shared_ptr<arrow::RecordBatch> Named(
      const std::shared_ptr<arrow::Schema>& schema, Arrays columns, int64_t rows) {
    arrow::FieldVector fields = schema->fields();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i]->type_id() != fields[i]->type()->id()) {
        fields[i] = fields[i]->WithType(columns[i]->type());
      }
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                    std::move(columns));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
      const std::shared_ptr<arrow::RecordBatch>& rows,
      const std::shared_ptr<arrow::Int32Array>& chosen) {
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return taken.record_batch();
  }
  Result<std::shared_ptr<arrow::Int32Array>> TakeIndices(
      const std::shared_ptr<arrow::Int32Array>& rows,
      const std::shared_ptr<arrow::Int32Array>& chosen) {
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return std::static_pointer_cast<arrow::Int32Array>(taken.make_array());
  }

  // Rows leave with the place of the probe batch that they came from.
  void Put(std::shared_ptr<arrow::RecordBatch> rows, Output& out) {
    data::Batch batch = probe_;
    batch.rows = std::move(rows);
    out.Push(std::move(batch));
  }

  const JoinType type_;
  const std::vector<expr::ExprPtr> left_keys_;
  const std::vector<expr::ExprPtr> right_keys_;
  const expr::ExprPtr residual_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<arrow::Schema> pair_schema_;
  const int64_t batch_rows_;
  const std::shared_ptr<MemoryBudget> memory_;
  Evaluation evaluation_;

  RowsBuffer buffer_;
  std::shared_ptr<arrow::RecordBatch> build_rows_;
  std::unique_ptr<BuildTable> table_;
  std::vector<char> build_matched_;
  int64_t unmatched_at_ = 0;

  data::Batch probe_;
  Arrays probe_keys_;
  std::vector<int32_t> candidates_;  // next build row to look at, per probe row
  std::vector<char> probe_matched_;
  int64_t probe_row_ = 0;
  bool probing_ = false;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeJoin(const plan::Node& node,
                                           const OperatorContext& context) {
  return std::make_unique<Join>(static_cast<const plan::JoinNode&>(node), context);
}

}  // namespace millrace::operators
