// SortedRuns: sorted rows on disk, put together again in order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/sort/sort_key.h"
#include "millrace/operators/spill/spill_space.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {

/// The values of sort keys of `rows`, appended to `out`.
Status AppendSortKeys(const std::vector<plan::SortKey>& keys,
                      const arrow::RecordBatch& rows, Evaluation& evaluation,
                      SortKeys& out);

/// One run: its batches in order.
using SortedRun = std::vector<SpilledBatch>;

/// The rows of several runs in order; those with equal keys in the order of the runs.
/// Holds a batch of each run and what makes up the batch under way. Used by one thread.
class RunMerge {
 public:
  RunMerge(const std::vector<plan::SortKey>& keys, std::vector<SortedRun> runs,
           Evaluation& evaluation);
  ~RunMerge();

  /// The next rows, at most `rows`; none at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t rows);

 private:
  struct Cursor;
  bool Before(size_t a, size_t b) const;
  Status Load(size_t cursor);
  Status Start();

  const std::vector<plan::SortKey> keys_;
  Evaluation* const evaluation_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
  std::vector<size_t> heap_;  // cursors with rows left, the first row's on top
  bool started_ = false;
};

/// Keeps runs so few that they can be merged at once: as soon as kMergedRuns neighbours
/// of one size class are there, they become one of the next. Used by one thread.
class SortedRuns {
 public:
  static constexpr size_t kMergedRuns = 32;
  /// Rows of a batch: one of each run is in memory when they are merged.
  static constexpr int64_t kMinBatchRows = 128;
  static constexpr int64_t kMaxBatchRows = 8 * 1024;

  /// `schema`: of the rows as they are spilled, their key group first. `keys` are over
  /// the columns behind it. The first `group_keys` of them decide the key group; without
  /// any all rows are of group 0.
  SortedRuns(const std::vector<plan::SortKey>& keys,
             std::shared_ptr<arrow::Schema> schema, SpillSpace* space,
             Evaluation& evaluation, size_t group_keys = 0)
      : keys_(keys),
        group_keys_(group_keys),
        schema_(std::move(schema)),
        space_(space),
        evaluation_(&evaluation) {}

  bool empty() const { return runs_.empty(); }
  /// Begin a run that comes behind all others, of rows of about `row_bytes` bytes.
  Status Begin(int64_t row_bytes);
  /// Rows that a batch is to have, so that merging needs a small share of the budget.
  int64_t batch_rows() const { return batch_rows_; }
  /// Add to it; rows, as their source has them, come in order.
  Status Append(const arrow::RecordBatch& rows);
  Status Finish();
  int64_t rows() const { return rows_; }
  /// Batches of the runs from number `first` on.
  std::vector<SpilledBatch> BatchesFrom(size_t first) const;
  size_t size() const { return runs_.size(); }
  /// Runs were merged since the last call.
  bool TakeMerged() { return std::exchange(merged_, false); }
  std::unique_ptr<RunMerge> Merge();

 private:
  struct Run {
    SortedRun batches;
    int level;
  };
  const std::vector<plan::SortKey>& keys_;
  const size_t group_keys_;
  const std::shared_ptr<arrow::Schema> schema_;
  SpillSpace* const space_;
  Evaluation* const evaluation_;
  std::vector<Run> runs_;
  std::shared_ptr<SpillFile> file_;
  int64_t batch_rows_ = kMaxBatchRows;
  int64_t rows_ = 0;
  bool merged_ = false;
};

}  // namespace millrace::operators
