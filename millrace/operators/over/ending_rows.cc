#include "millrace/operators/over/ending_rows.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

#include "millrace/operators/sort/sort_key.h"
#include "millrace/operators/state_rows.h"

namespace millrace::operators {

namespace {

constexpr const char* kRows = "rows";
// Joining the rows and the columns of functions take about as much again.
constexpr int64_t kShareOfBudget = 4;
// Less than this in memory is no run: what presses lies elsewhere.
constexpr int64_t kMinRunBytes = 256 * 1024;

}  // namespace

std::vector<plan::SortKey> EndingRows::KeysOf(const plan::OverNode& node) {
  std::vector<plan::SortKey> keys;
  for (const expr::ExprPtr& key : node.partition()) keys.push_back({key});
  keys.insert(keys.end(), node.order().begin(), node.order().end());
  return keys;
}

EndingRows::EndingRows(const plan::OverNode& node, SpillSpace* spill,
                       Evaluation& evaluation)
    : keys_(KeysOf(node)),
      partition_keys_(node.partition().size()),
      spill_(spill),
      schema_(node.input()->schema()),
      evaluation_(&evaluation),
      buffer_(schema_, evaluation.pool()),
      runs_(keys_, WithKeyGroup(schema_), spill, evaluation, partition_keys_) {}

Status EndingRows::Add(const std::shared_ptr<arrow::RecordBatch>& rows) {
  buffer_.Add(rows);
  const MemoryBudget& memory = *evaluation_->memory();
  const bool full = spill_ != nullptr && buffer_.rows() > 0 &&
                    (buffer_.bytes() > memory.limit() / kShareOfBudget ||
                     (memory.pressed() && buffer_.bytes() > kMinRunBytes));
  return full ? SpillRun() : Status::OK();
}

// All rows in memory become a run.
Status EndingRows::SpillRun() {
  // What was written of them by arrival is not what the run holds.
  if (runs_.empty()) Rewrite();
  const int64_t row_bytes = buffer_.bytes() / buffer_.rows();
  ARROW_ASSIGN_OR_RAISE(const auto all, buffer_.Take());
  std::vector<int64_t> order;
  {
    SortKeys keys(evaluation_->memory());
    ARROW_RETURN_NOT_OK(AppendSortKeys(keys_, *all, *evaluation_, keys));
    order = keys.Order(std::numeric_limits<int64_t>::max());
  }
  ARROW_RETURN_NOT_OK(runs_.Begin(row_bytes));
  const auto rows = static_cast<int64_t>(order.size());
  const int64_t step = runs_.batch_rows();
  for (int64_t at = 0; at < rows; at += step) {
    const int64_t count = std::min(step, rows - at);
    const arrow::Int64Array indices(
        count, arrow::Buffer::Wrap(order.data() + at, static_cast<size_t>(count)));
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(all, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_->arrow()));
    ARROW_RETURN_NOT_OK(runs_.Append(*taken.record_batch()));
  }
  return runs_.Finish();
}

Result<std::shared_ptr<arrow::RecordBatch>> EndingRows::Take() {
  if (runs_.empty()) return buffer_.Take();
  if (buffer_.rows() > 0) ARROW_RETURN_NOT_OK(SpillRun());
  merge_ = runs_.Merge();
  return nullptr;
}

Result<std::shared_ptr<arrow::RecordBatch>> EndingRows::Next() {
  ARROW_ASSIGN_OR_RAISE(auto rows, merge_->Next(runs_.batch_rows() * 8));
  if (!rows) merge_.reset();
  return rows;
}

Status EndingRows::Snapshot(state::OperatorSnapshot& out) {
  if (out.whole() || runs_.TakeMerged()) Rewrite();
  if (runs_.empty()) return WriteBuffer(out);
  if (buffer_.rows() > 0) ARROW_RETURN_NOT_OK(SpillRun());
  if (runs_.TakeMerged()) Rewrite();
  auto added = runs_.BatchesFrom(written_runs_);
  written_runs_ = runs_.size();
  if (added.empty()) return Status::OK();
  out.Add(state::Piece{
      kRows, NextExtent(),
      ReadSpilled(WithKeyGroup(schema_), std::move(added), evaluation_->memory())});
  return Status::OK();
}

Status EndingRows::WriteBuffer(state::OperatorSnapshot& out) {
  if (written_rows_ == buffer_.rows()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto added, buffer_.From(written_rows_));
  StateRows written(schema_, evaluation_->memory());
  for (const auto& rows : added) {
    std::vector<std::shared_ptr<arrow::Array>> keys;
    for (size_t i = 0; i < partition_keys_; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto key, expr::EvaluateToArray(*keys_[i].expression, *rows,
                                                            evaluation_->context()));
      keys.push_back(std::move(key));
    }
    ARROW_ASSIGN_OR_RAISE(auto groups,
                          KeyGroupsOf(keys, rows->num_rows(), evaluation_->pool()));
    ARROW_RETURN_NOT_OK(written.Add(rows->columns(), std::move(groups)));
  }
  written_rows_ = buffer_.rows();
  return written.Put(kRows, NextExtent(), out);
}

Status EndingRows::Restore(const state::OperatorState& state) {
  return state.Visit(
      kRows, state::OperatorState::Rows::kMine,
      [this](const std::shared_ptr<arrow::RecordBatch>& rows, state::Extent) {
        ARROW_RETURN_NOT_OK(
            Add(arrow::RecordBatch::Make(schema_, rows->num_rows(), rows->columns())));
        // Rows that had to be spilled again lie in other runs than were written.
        written_ = runs_.empty();
        written_rows_ = written_ ? buffer_.rows() : 0;
        return Status::OK();
      });
}

state::Extent EndingRows::NextExtent() {
  return std::exchange(written_, true) ? state::Extent::kChanges : state::Extent::kWhole;
}

// What was written no longer holds.
void EndingRows::Rewrite() {
  written_ = false;
  written_rows_ = 0;
  written_runs_ = 0;
}

}  // namespace millrace::operators
