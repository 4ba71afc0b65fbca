// ORDER BY, top-N where a LIMIT stands on it, and the order of what is written.
//
// Rows that memory has no room for are put out as sorted runs, which are merged at the
// end. In a snapshot: the rows in an order that gives the same result when they are
// sorted again with ties kept: by arrival, or run by run.
#include <algorithm>
#include <limits>
#include <utility>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/rows_buffer.h"
#include "millrace/operators/sort/sort_key.h"
#include "millrace/operators/sort/sorted_runs.h"
#include "millrace/operators/state_rows.h"
#include "millrace/plan/arrange_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {

namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
// Rows that a top-N holds beyond those it needs before it throws away the rest: sorting
// then costs a constant a row.
constexpr int64_t kSlack = 64 * 1024;
// Joining and sorting the rows in memory takes about as much again.
constexpr int64_t kShareOfBudget = 3;
// Of those that sort what they write there is one a shard.
constexpr int64_t kShareOfEach = 24;
// Less than this in memory is no run: what presses lies elsewhere.
constexpr int64_t kMinRunBytes = 256 * 1024;

// What a sort node asks for.
struct Order {
  std::vector<plan::SortKey> keys;
  int64_t offset = 0;
  int64_t needed = kNoLimit;  // the offset included
  bool each_epoch = false;    // nothing stays behind a barrier
};

class Sort final : public UnaryOperator {
 public:
  Sort(Order order, std::shared_ptr<arrow::Schema> schema, const OperatorContext& context)
      : keys_(std::move(order.keys)),
        offset_(order.offset),
        needed_(order.needed),
        each_epoch_(order.each_epoch),
        batch_rows_(context.batch_rows),
        spill_(context.spill),
        schema_(std::move(schema)),
        evaluation_(context),
        buffer_(schema_, context.memory->pool()),
        sort_keys_(context.memory),
        runs_(keys_, WithKeyGroup(schema_), context.spill, evaluation_) {}

  Status Snapshot(state::OperatorSnapshot& out) override {
    if (out.whole() || runs_.TakeMerged()) Rewrite();
    if (runs_.empty()) return WriteBuffer(out);
    if (buffer_.rows() > 0) ARROW_RETURN_NOT_OK(SpillRun());
    if (runs_.TakeMerged()) Rewrite();
    auto added = runs_.BatchesFrom(written_runs_);
    written_runs_ = runs_.size();
    if (added.empty()) return Status::OK();
    out.Add(state::Piece{
        kRows, NextExtent(),
        ReadSpilled(WithKeyGroup(schema_), std::move(added), evaluation_.memory())});
    return Status::OK();
  }

  Status Restore(const state::OperatorState& state) override {
    return state.Visit(
        kRows, state::OperatorState::Rows::kMine,
        [this](const std::shared_ptr<arrow::RecordBatch>& rows, state::Extent) {
          ARROW_RETURN_NOT_OK(Add(rows));
          // Rows that had to be spilled again lie in other runs than were written.
          written_ = runs_.empty();
          written_rows_ = written_ ? buffer_.rows() : 0;
          return Status::OK();
        });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_RETURN_NOT_OK(Add(batch.rows));
    return OpState::kNeedInput;
  }

  Result<OpState> OnBarrier(Output& out) override {
    return each_epoch_ ? OnEnd(out) : OpState::kNeedInput;
  }

  Result<OpState> OnEnd(Output& out) override {
    if (each_epoch_ && runs_.empty() && buffer_.rows() == 0) return OpState::kNeedInput;
    if (!runs_.empty()) {
      if (buffer_.rows() > 0) ARROW_RETURN_NOT_OK(SpillRun());
      merge_ = runs_.Merge();
      return SkipOffset(out);
    }
    ARROW_ASSIGN_OR_RAISE(all_, buffer_.Take());
    order_ = sort_keys_.Order(needed_);
    sort_keys_.Release();
    next_ = std::min<int64_t>(offset_, static_cast<int64_t>(order_.size()));
    return Continue(out);
  }

  Result<OpState> Continue(Output& out) override {
    if (merge_) return ContinueMerge(out);
    const int64_t rows =
        std::min(batch_rows_, static_cast<int64_t>(order_.size()) - next_);
    if (rows <= 0) return OpState::kNeedInput;
    data::Batch batch;
    ARROW_ASSIGN_OR_RAISE(batch.rows, Gather(*all_, next_, rows));
    next_ += rows;
    out.Push(std::move(batch));
    if (next_ < static_cast<int64_t>(order_.size())) return OpState::kHasOutput;
    all_.reset();
    order_.clear();
    return OpState::kNeedInput;
  }

 private:
  static constexpr const char* kRows = "rows";

  Status Add(const std::shared_ptr<arrow::RecordBatch>& rows) {
    ARROW_RETURN_NOT_OK(AppendSortKeys(keys_, *rows, evaluation_, sort_keys_));
    buffer_.Add(rows);
    if (needed_ < kNoLimit - kSlack && buffer_.rows() > 2 * needed_ + kSlack) {
      ARROW_ASSIGN_OR_RAISE(auto kept, Ordered());
      sort_keys_.Clear();
      ARROW_RETURN_NOT_OK(AppendSortKeys(keys_, *kept, evaluation_, sort_keys_));
      buffer_.Add(std::move(kept));
      if (runs_.empty()) Rewrite();
    }
    const int64_t held = buffer_.bytes() + sort_keys_.bytes();
    const MemoryBudget& memory = *evaluation_.memory();
    const int64_t share = each_epoch_ ? kShareOfEach : kShareOfBudget;
    const bool full = spill_ != nullptr && (held > memory.limit() / share ||
                                            (memory.pressed() && held > kMinRunBytes));
    return full ? SpillRun() : Status::OK();
  }

  // All rows in memory become a run.
  Status SpillRun() {
    // What was written of them by arrival is not what the run holds.
    if (runs_.empty()) Rewrite();
    const int64_t row_bytes = (buffer_.bytes() + sort_keys_.bytes()) / buffer_.rows();
    order_ = sort_keys_.Order(needed_);
    sort_keys_.Release();
    ARROW_ASSIGN_OR_RAISE(auto all, buffer_.Take());
    ARROW_RETURN_NOT_OK(runs_.Begin(row_bytes));
    const auto rows = static_cast<int64_t>(order_.size());
    const int64_t step = runs_.batch_rows();
    for (int64_t at = 0; at < rows; at += step) {
      ARROW_ASSIGN_OR_RAISE(auto sorted, Gather(*all, at, std::min(step, rows - at)));
      ARROW_RETURN_NOT_OK(runs_.Append(*sorted));
    }
    order_.clear();
    return runs_.Finish();
  }

  Status WriteBuffer(state::OperatorSnapshot& out) {
    if (written_rows_ == buffer_.rows()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto added, buffer_.From(written_rows_));
    StateRows written(schema_, evaluation_.memory());
    for (const auto& rows : added) {
      ARROW_ASSIGN_OR_RAISE(auto groups,
                            SameKeyGroup(0, rows->num_rows(), evaluation_.pool()));
      ARROW_RETURN_NOT_OK(written.Add(rows->columns(), std::move(groups)));
    }
    written_rows_ = buffer_.rows();
    return written.Put(kRows, NextExtent(), out);
  }

  state::Extent NextExtent() {
    return std::exchange(written_, true) ? state::Extent::kChanges
                                         : state::Extent::kWhole;
  }

  // What was written no longer holds.
  void Rewrite() {
    written_ = false;
    written_rows_ = 0;
    written_runs_ = 0;
  }

  Result<OpState> SkipOffset(Output& out) {
    to_skip_ = offset_;
    left_ = needed_ == kNoLimit ? kNoLimit : needed_ - offset_;
    return ContinueMerge(out);
  }

  Result<OpState> ContinueMerge(Output& out) {
    data::Batch batch;
    if (left_ > 0) {
      ARROW_ASSIGN_OR_RAISE(batch.rows,
                            merge_->Next(std::min(batch_rows_, runs_.batch_rows() * 8)));
    }
    if (!batch.rows) {
      merge_.reset();
      return OpState::kNeedInput;
    }
    const int64_t skipped = std::min(to_skip_, batch.rows->num_rows());
    to_skip_ -= skipped;
    batch.rows = batch.rows->Slice(skipped, left_);
    if (left_ != kNoLimit) left_ -= batch.rows->num_rows();
    if (batch.rows->num_rows() > 0) out.Push(std::move(batch));
    return OpState::kHasOutput;
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
  const bool each_epoch_;
  const int64_t batch_rows_;
  SpillSpace* const spill_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
  RowsBuffer buffer_;
  SortKeys sort_keys_;
  SortedRuns runs_;
  bool written_ = false;      // there is something in snapshots to build upon
  int64_t written_rows_ = 0;  // of the buffer, while there are no runs
  size_t written_runs_ = 0;

  // Of what is put out: from memory, or from runs.
  std::shared_ptr<arrow::RecordBatch> all_;
  std::vector<int64_t> order_;
  int64_t next_ = 0;
  std::unique_ptr<RunMerge> merge_;
  int64_t to_skip_ = 0;
  int64_t left_ = 0;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeSort(const plan::Node& node,
                                           const OperatorContext& context) {
  const auto& sort = static_cast<const plan::SortNode&>(node);
  Order order;
  order.keys = sort.keys();
  order.offset = sort.offset();
  if (sort.limit() && *sort.limit() <= kNoLimit - sort.offset()) {
    order.needed = *sort.limit() + sort.offset();
  }
  return std::make_unique<Sort>(std::move(order), node.schema(), context);
}

Result<std::unique_ptr<Operator>> MakeArrange(const plan::Node& node,
                                              const OperatorContext& context) {
  Order order;
  order.each_epoch = true;
  const arrow::Schema& schema = *node.schema();
  for (const auto& column : static_cast<const plan::ArrangeNode&>(node).order()) {
    const int index = schema.GetFieldIndex(column.name);
    if (index < 0) {
      return errors::kInternal.Make({.column = column.name}, "no column to sort by");
    }
    order.keys.push_back(
        {expr::Expr::Column(index, column.name, schema.field(index)->type()),
         column.descending, column.nulls_first});
  }
  return std::make_unique<Sort>(std::move(order), node.schema(), context);
}

}  // namespace millrace::operators
