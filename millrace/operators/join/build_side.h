// BuildSide: the rows of a join's bounded input: gathered, then looked up by key.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/join/build_table.h"
#include "millrace/operators/rows_buffer.h"
#include "millrace/plan/join_node.h"
#include "millrace/state/operator_state.h"

namespace millrace::operators {

/// The values of join keys for `rows`, plain.
Result<std::vector<std::shared_ptr<arrow::Array>>> JoinKeys(
    const std::vector<expr::ExprPtr>& keys, const arrow::RecordBatch& rows,
    Evaluation& evaluation);

/// Are the rows of both sides dealt by key? Else each task holds all build rows, or there
/// is one task.
bool DealsByKey(const plan::JoinNode& node);

/// In a snapshot: the rows, which only ever become more, and which of them have found a
/// partner where the join reports those that have not. Where tasks hold copies, the first
/// one writes for all. A row is known by its key group and its place among the rows of
/// that, which hold at any number of tasks. Used by one thread.
class BuildSide {
 public:
  BuildSide(const plan::JoinNode& node, Evaluation& evaluation);

  void Add(std::shared_ptr<arrow::RecordBatch> rows) { buffer_.Add(std::move(rows)); }
  /// All rows have come: make them findable.
  Status Finish();
  bool finished() const { return table_ != nullptr; }

  // Once finished.
  const BuildTable& table() const { return *table_; }
  const std::shared_ptr<arrow::RecordBatch>& rows() const { return rows_; }
  /// RIGHT and FULL joins only.
  void SetMatched(int32_t row) { matched_[static_cast<size_t>(row)] |= kMatched; }
  bool matched(int64_t row) const { return matched_[static_cast<size_t>(row)] != 0; }

  Status Snapshot(state::OperatorSnapshot& out);
  Status Restore(const state::OperatorState& state);

 private:
  static constexpr uint8_t kMatched = 1;
  static constexpr uint8_t kWritten = 2;

  Result<std::shared_ptr<arrow::Array>> KeyGroups(const arrow::RecordBatch& rows);
  Status WriteRows(state::OperatorSnapshot& out);
  Status WriteMatched(state::OperatorSnapshot& out);
  Status RestoreMatched(const state::OperatorState& state);
  // The key group and the place in it of each row.
  Status MakePlaces();

  const std::vector<expr::ExprPtr> keys_;
  const std::shared_ptr<arrow::Schema> schema_;
  const bool keeps_unmatched_;
  const bool dealt_by_key_;
  Evaluation* const evaluation_;
  Reservation reservation_;
  RowsBuffer buffer_;
  std::shared_ptr<arrow::RecordBatch> rows_;
  std::unique_ptr<BuildTable> table_;
  std::vector<uint8_t> matched_;
  std::vector<int64_t> places_;
  bool rows_written_ = false;
  int64_t written_rows_ = 0;
  bool matched_written_ = false;
};

}  // namespace millrace::operators
