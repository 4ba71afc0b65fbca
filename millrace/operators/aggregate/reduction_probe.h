// ReductionProbe: does it pay to aggregate before the exchange?
#pragma once

#include <cstdint>

namespace millrace::operators {

/// Watches how many rows the first half of an aggregation merges into one group. Where
/// nearly every row is a group of its own a table there only costs: its groups are sent
/// on and held again behind the exchange. Then rows are to be passed on as states of one
/// row each, and now and then a small sample is aggregated again, as keys may come to
/// repeat later. Decides by counts alone, so a run repeats. Used by one thread.
class ReductionProbe {
 public:
  /// Fewer rows a group than this over a sample: pass rows on. Making, sending and
  /// merging a group was measured to cost some rows' worth of aggregating; the bound is
  /// kept low, as a sample sees fewer rows a group than the whole stream.
  static constexpr int64_t kMinRowsPerGroup = 3;
  /// New groups of a sample. Large, as a table of so many groups may yet see each of them
  /// again; what it holds is bounded all the same.
  static constexpr int64_t kSampleGroups = 1024 * 1024;
  /// The same after rows were passed on: enough to see whether that still holds.
  static constexpr int64_t kAgainGroups = 64 * 1024;
  /// Rows passed on between two samples.
  static constexpr int64_t kPassedRows = 4 * 1024 * 1024;

  /// Are rows to be passed on?
  bool passing() const { return passing_; }

  /// `rows` were aggregated and made `new_groups`.
  void Aggregated(int64_t rows, int64_t new_groups) {
    rows_ += rows;
    groups_ += new_groups;
    if (groups_ < sample_groups_) return;
    passing_ = rows_ < groups_ * kMinRowsPerGroup;
    sample_groups_ = passing_ ? kAgainGroups : kSampleGroups;
    rows_ = groups_ = 0;
  }

  /// `rows` were passed on.
  void Passed(int64_t rows) {
    rows_ += rows;
    if (rows_ < kPassedRows) return;
    passing_ = false;
    rows_ = 0;
  }

 private:
  bool passing_ = false;
  int64_t sample_groups_ = kSampleGroups;
  int64_t rows_ = 0;
  int64_t groups_ = 0;
};

}  // namespace millrace::operators
