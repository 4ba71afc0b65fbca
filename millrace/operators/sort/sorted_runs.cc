#include "millrace/operators/sort/sorted_runs.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>

#include "millrace/operators/state_rows.h"

namespace millrace::operators {

Status AppendSortKeys(const std::vector<plan::SortKey>& keys,
                      const arrow::RecordBatch& rows, Evaluation& evaluation,
                      SortKeys& out) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const plan::SortKey& key : keys) {
    ARROW_ASSIGN_OR_RAISE(
        auto column, expr::EvaluateToArray(*key.expression, rows, evaluation.context()));
    columns.push_back(std::move(column));
  }
  return out.Append(columns, keys, rows.num_rows());
}

// Where a run has been read to.
struct RunMerge::Cursor {
  Cursor(SortedRun run, std::shared_ptr<MemoryBudget> memory)
      : batches(std::move(run)), keys(std::move(memory)) {}

  SortedRun batches;
  size_t next = 0;
  std::shared_ptr<arrow::RecordBatch> rows;
  SortKeys keys;  // of `rows`
  int64_t row = 0;
  size_t piece = 0;  // of the batch under way: the rows that come from `rows`
  bool in_piece = false;
};

RunMerge::RunMerge(const std::vector<plan::SortKey>& keys, std::vector<SortedRun> runs,
                   Evaluation& evaluation)
    : keys_(keys), evaluation_(&evaluation) {
  for (SortedRun& run : runs) {
    cursors_.push_back(std::make_unique<Cursor>(std::move(run), evaluation.memory()));
  }
}

RunMerge::~RunMerge() = default;

bool RunMerge::Before(size_t a, size_t b) const {
  const Cursor& left = *cursors_[a];
  const Cursor& right = *cursors_[b];
  const int order = left.keys.key(left.row).compare(right.keys.key(right.row));
  return order != 0 ? order < 0 : a < b;
}

// The next batch of a run, or none.
Status RunMerge::Load(size_t number) {
  Cursor& cursor = *cursors_[number];
  cursor.rows.reset();
  cursor.keys.Clear();
  cursor.row = 0;
  cursor.in_piece = false;
  if (cursor.next == cursor.batches.size()) return Status::OK();
  const SpilledBatch& batch = cursor.batches[cursor.next++];
  ARROW_ASSIGN_OR_RAISE(auto stored, batch.file->Read(batch.place, evaluation_->pool()));
  ARROW_ASSIGN_OR_RAISE(cursor.rows, stored->RemoveColumn(0));
  return AppendSortKeys(keys_, *cursor.rows, *evaluation_, cursor.keys);
}

Status RunMerge::Start() {
  started_ = true;
  for (size_t i = 0; i < cursors_.size(); ++i) {
    ARROW_RETURN_NOT_OK(Load(i));
    if (cursors_[i]->rows) heap_.push_back(i);
  }
  std::make_heap(heap_.begin(), heap_.end(),
                 [this](size_t a, size_t b) { return Before(b, a); });
  return Status::OK();
}

// Which rows follow one another is found row by row; the rows themselves are put together
// once, from the stretches that they came in.
Result<std::shared_ptr<arrow::RecordBatch>> RunMerge::Next(int64_t rows) {
  if (!started_) ARROW_RETURN_NOT_OK(Start());
  struct Piece {
    std::shared_ptr<arrow::RecordBatch> rows;
    int64_t begin, count;
  };
  std::vector<Piece> pieces;
  std::vector<uint32_t> piece_of;
  for (const auto& cursor : cursors_) cursor->in_piece = false;
  const auto after = [this](size_t a, size_t b) { return Before(b, a); };
  while (!heap_.empty() && static_cast<int64_t>(piece_of.size()) < rows) {
    const size_t number = heap_.front();
    Cursor& cursor = *cursors_[number];
    if (!cursor.in_piece) {
      cursor.in_piece = true;
      cursor.piece = pieces.size();
      pieces.push_back({cursor.rows, cursor.row, 0});
    }
    ++pieces[cursor.piece].count;
    piece_of.push_back(static_cast<uint32_t>(cursor.piece));
    std::pop_heap(heap_.begin(), heap_.end(), after);
    heap_.pop_back();
    if (++cursor.row == cursor.rows->num_rows()) ARROW_RETURN_NOT_OK(Load(number));
    if (cursor.rows) {
      heap_.push_back(number);
      std::push_heap(heap_.begin(), heap_.end(), after);
    }
  }
  if (piece_of.empty()) return nullptr;
  std::vector<std::shared_ptr<arrow::RecordBatch>> slices;
  std::vector<int64_t> next;
  int64_t total = 0;
  for (const Piece& piece : pieces) {
    slices.push_back(piece.rows->Slice(piece.begin, piece.count));
    next.push_back(total);
    total += piece.count;
  }
  if (slices.size() == 1) return slices.front();
  ARROW_ASSIGN_OR_RAISE(auto joined,
                        arrow::ConcatenateRecordBatches(slices, evaluation_->pool()));
  std::vector<int64_t> order(piece_of.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = next[piece_of[i]]++;
  auto indices = std::make_shared<arrow::Int64Array>(total, arrow::Buffer::Wrap(order));
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum taken,
      arrow::compute::Take(joined, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                           evaluation_->arrow()));
  return taken.record_batch();
}

Status SortedRuns::Begin(int64_t row_bytes) {
  const int64_t share =
      evaluation_->memory()->limit() / (8 * static_cast<int64_t>(kMergedRuns));
  batch_rows_ = std::min(batch_rows_, std::clamp(share / std::max<int64_t>(row_bytes, 1),
                                                 kMinBatchRows, kMaxBatchRows));
  ARROW_ASSIGN_OR_RAISE(file_, space_->Open(schema_));
  runs_.push_back({{}, 0});
  return Status::OK();
}

Status SortedRuns::Append(const arrow::RecordBatch& rows) {
  std::vector<std::shared_ptr<arrow::Array>> keys;
  for (size_t i = 0; i < group_keys_; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto key, expr::EvaluateToArray(*keys_[i].expression, rows,
                                                          evaluation_->context()));
    keys.push_back(std::move(key));
  }
  ARROW_ASSIGN_OR_RAISE(auto groups,
                        KeyGroupsOf(keys, rows.num_rows(), evaluation_->pool()));
  auto columns = rows.columns();
  columns.insert(columns.begin(), std::move(groups));
  const auto stored =
      arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(columns));
  for (int64_t at = 0; at < rows.num_rows(); at += batch_rows_) {
    const auto part = stored->Slice(at, batch_rows_);
    ARROW_ASSIGN_OR_RAISE(auto place, file_->Append(*part, evaluation_->pool()));
    runs_.back().batches.push_back({file_, place});
    rows_ += place.rows;
  }
  return Status::OK();
}

Status SortedRuns::Finish() {
  file_.reset();
  for (;;) {
    if (runs_.size() < kMergedRuns) return Status::OK();
    const int level = runs_.back().level;
    const size_t first = runs_.size() - kMergedRuns;
    if (runs_[first].level != level) return Status::OK();
    std::vector<SortedRun> merged;
    for (size_t i = first; i < runs_.size(); ++i)
      merged.push_back(std::move(runs_[i].batches));
    runs_.resize(first);
    RunMerge merge(keys_, std::move(merged), *evaluation_);
    ARROW_ASSIGN_OR_RAISE(file_, space_->Open(schema_));
    runs_.push_back({{}, level + 1});
    merged_ = true;
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto rows, merge.Next(batch_rows_ * 4));
      if (!rows) break;
      rows_ -= rows->num_rows();
      ARROW_RETURN_NOT_OK(Append(*rows));
    }
    file_.reset();
  }
}

std::vector<SpilledBatch> SortedRuns::BatchesFrom(size_t first) const {
  std::vector<SpilledBatch> out;
  for (size_t i = first; i < runs_.size(); ++i)
    out.insert(out.end(), runs_[i].batches.begin(), runs_[i].batches.end());
  return out;
}

std::unique_ptr<RunMerge> SortedRuns::Merge() {
  std::vector<SortedRun> runs;
  for (Run& run : runs_) runs.push_back(std::move(run.batches));
  runs_.clear();
  rows_ = 0;
  return std::make_unique<RunMerge>(keys_, std::move(runs), *evaluation_);
}

}  // namespace millrace::operators
