// ORDER BY, and top-N where a LIMIT stands on it.
#include <algorithm>
#include <limits>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/rows_buffer.h"
#include "millrace/operators/sort/sort_key.h"
#include "millrace/operators/state_rows.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {

namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
// Rows that a top-N holds beyond those it needs before it throws away the rest: sorting
// then costs a constant a row.
constexpr int64_t kSlack = 64 * 1024;

class Sort final : public UnaryOperator {
 public:
  Sort(const plan::SortNode& node, const OperatorContext& context)
      : keys_(node.keys()),
        offset_(node.offset()),
        needed_(node.limit() && *node.limit() <= kNoLimit - node.offset()
                    ? *node.limit() + node.offset()
                    : kNoLimit),
        batch_rows_(context.batch_rows),
        schema_(node.schema()),
        evaluation_(context),
        buffer_(schema_, context.memory->pool()),
        sort_keys_(context.memory) {}

  // Rows are kept by arrival, so that those with equal keys keep their order.
  Status Snapshot(state::OperatorSnapshot& out) override {
    if (out.whole()) Rewrite();
    if (written_rows_ == buffer_.rows()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto added, buffer_.From(written_rows_));
    StateRows written(schema_, evaluation_.pool());
    for (const auto& rows : added) {
      ARROW_ASSIGN_OR_RAISE(auto groups,
                            SameKeyGroup(0, rows->num_rows(), evaluation_.pool()));
      ARROW_RETURN_NOT_OK(written.Add(rows->columns(), std::move(groups)));
    }
    written_rows_ = buffer_.rows();
    const auto extent =
        std::exchange(written_, true) ? state::Extent::kChanges : state::Extent::kWhole;
    return written.Put(kRows, extent, out);
  }
  Status Restore(const state::OperatorState& state) override {
    return state.Visit(
        kRows, state::OperatorState::Rows::kMine,
        [this](const std::shared_ptr<arrow::RecordBatch>& rows, state::Extent) {
          ARROW_RETURN_NOT_OK(AddKeys(*rows));
          buffer_.Add(rows);
          written_ = true;
          written_rows_ = buffer_.rows();
          return Status::OK();
        });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_RETURN_NOT_OK(AddKeys(*batch.rows));
    buffer_.Add(std::move(batch.rows));
    if (needed_ < kNoLimit - kSlack && buffer_.rows() > 2 * needed_ + kSlack) {
      ARROW_ASSIGN_OR_RAISE(auto kept, Ordered());
      sort_keys_.Clear();
      ARROW_RETURN_NOT_OK(AddKeys(*kept));
      buffer_.Add(std::move(kept));
      Rewrite();
    }
    return OpState::kNeedInput;
  }

  Result<OpState> OnEnd(Output& out) override {
    ARROW_ASSIGN_OR_RAISE(all_, buffer_.Take());
    order_ = sort_keys_.Order(needed_);
    sort_keys_.Clear();
    next_ = std::min<int64_t>(offset_, static_cast<int64_t>(order_.size()));
    return Continue(out);
  }

  Result<OpState> Continue(Output& out) override {
    const int64_t rows =
        std::min(batch_rows_, static_cast<int64_t>(order_.size()) - next_);
    if (rows <= 0) return OpState::kNeedInput;
    data::Batch batch;
    ARROW_ASSIGN_OR_RAISE(batch.rows, Gather(*all_, next_, rows));
    next_ += rows;
    out.Push(std::move(batch));
    return next_ < static_cast<int64_t>(order_.size()) ? OpState::kHasOutput
                                                       : OpState::kNeedInput;
  }

 private:
  static constexpr const char* kRows = "rows";

  // What was written no longer holds.
  void Rewrite() {
    written_ = false;
    written_rows_ = 0;
  }

  Status AddKeys(const arrow::RecordBatch& rows) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const plan::SortKey& key : keys_) {
      ARROW_ASSIGN_OR_RAISE(auto column, expr::EvaluateToArray(*key.expression, rows,
                                                               evaluation_.context()));
      columns.push_back(std::move(column));
    }
    return sort_keys_.Append(columns, keys_, rows.num_rows());
  }

  // The rows that are needed so far, in order.
  Result<std::shared_ptr<arrow::RecordBatch>> Ordered() {
    ARROW_ASSIGN_OR_RAISE(auto all, buffer_.Take());
    order_ = sort_keys_.Order(needed_);
    return Gather(*all, 0, static_cast<int64_t>(order_.size()));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Gather(const arrow::RecordBatch& all,
                                                     int64_t begin, int64_t rows) {
    auto indices = std::make_shared<arrow::Int64Array>(
        rows, arrow::Buffer::Wrap(order_.data() + begin, static_cast<size_t>(rows)));
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(all.Slice(0), indices,
                             arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return taken.record_batch();
  }

  const std::vector<plan::SortKey> keys_;
  const int64_t offset_;
  const int64_t needed_;
  const int64_t batch_rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
  RowsBuffer buffer_;
  bool written_ = false;
  int64_t written_rows_ = 0;  // of the buffer, by snapshots
  SortKeys sort_keys_;
  std::shared_ptr<arrow::RecordBatch> all_;
  std::vector<int64_t> order_;
  int64_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeSort(const plan::Node& node,
                                           const OperatorContext& context) {
  return std::make_unique<Sort>(static_cast<const plan::SortNode&>(node), context);
}

}  // namespace millrace::operators
