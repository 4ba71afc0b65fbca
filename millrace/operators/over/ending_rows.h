// EndingRows: rows that wait for the end of the input.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/rows_buffer.h"
#include "millrace/operators/sort/sorted_runs.h"
#include "millrace/plan/over_node.h"
#include "millrace/state/operator_state.h"

namespace millrace::operators {

/// All rows of an input, in memory as long as there is room, else in sorted runs. Used by
/// one thread.
class EndingRows {
 public:
  /// `spill` may be null.
  EndingRows(const plan::OverNode& node, SpillSpace* spill, Evaluation& evaluation);

  Status Add(const std::shared_ptr<arrow::RecordBatch>& rows);
  /// At the end: all rows by arrival; null where they lie in runs, and Next gives them.
  Result<std::shared_ptr<arrow::RecordBatch>> Take();
  bool merging() const { return merge_ != nullptr; }
  /// The next rows in the order of partition and window; null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();

  Status Snapshot(state::OperatorSnapshot& out);
  Status Restore(const state::OperatorState& state);

 private:
  static std::vector<plan::SortKey> KeysOf(const plan::OverNode& node);
  Status SpillRun();
  Status WriteBuffer(state::OperatorSnapshot& out);
  state::Extent NextExtent();
  void Rewrite();

  const std::vector<plan::SortKey> keys_;  // of the partition, then of the order
  const size_t partition_keys_;
  SpillSpace* const spill_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation* const evaluation_;
  RowsBuffer buffer_;
  SortedRuns runs_;
  std::unique_ptr<RunMerge> merge_;
  bool written_ = false;      // there is something in snapshots to build upon
  int64_t written_rows_ = 0;  // of the buffer, while there are no runs
  size_t written_runs_ = 0;
};

}  // namespace millrace::operators
