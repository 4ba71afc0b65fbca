// Runs: rows of a batch by the slice or window that they lie in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"

namespace millrace::operators {

/// Rows [begin, end) of a batch that lie in one slot.
struct SlotRun {
  int64_t slot, begin, end;
};

/// The rows of `runs`, in their order: a slice of `rows` where it is one run.
Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(
    const std::shared_ptr<arrow::RecordBatch>& rows, std::span<const SlotRun> runs,
    Evaluation& evaluation);

/// Runs, all of slot 0, of the rows for which `keep(row)` holds.
template <typename Keep>
std::vector<SlotRun> RunsWhere(int64_t rows, const Keep& keep) {
  std::vector<SlotRun> out;
  for (int64_t row = 0; row < rows; ++row) {
    if (!keep(row)) continue;
    if (!out.empty() && out.back().end == row) {
      out.back().end = row + 1;
    } else {
      out.push_back({0, row, row + 1});
    }
  }
  return out;
}

/// Call `visit` with all runs of each slot, slots in ascending order; rows of one keep
/// theirs. Rows that jump between slots at the border of two would otherwise be a batch
/// each.
template <typename Visit>
Status ForEachSlot(std::vector<SlotRun>& runs, const Visit& visit) {
  const auto before = [](const SlotRun& a, const SlotRun& b) { return a.slot < b.slot; };
  if (!std::is_sorted(runs.begin(), runs.end(), before))
    std::stable_sort(runs.begin(), runs.end(), before);
  for (size_t first = 0; first < runs.size();) {
    size_t last = first + 1;
    while (last < runs.size() && runs[last].slot == runs[first].slot) ++last;
    ARROW_RETURN_NOT_OK(
        visit(std::span<const SlotRun>(runs).subspan(first, last - first)));
    first = last;
  }
  return Status::OK();
}

}  // namespace millrace::operators
