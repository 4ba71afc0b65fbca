// ChangedGroups: which groups of an aggregation differ from what was last written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "millrace/operators/reservation.h"

namespace millrace::operators {

/// Groups that came after Settle changed by coming; of those before it a byte each says
/// so. Once half of them did, all count as changed, which saves both the noting and most
/// of a snapshot's choosing. Used by one thread.
class ChangedGroups {
 public:
  explicit ChangedGroups(std::shared_ptr<MemoryBudget> memory)
      : reservation_(std::move(memory), Reservation::Kind::kSpillable) {}

  /// Rows were added to the groups `ids`; null: to group 0.
  void Mark(const uint32_t* ids, int64_t rows) {
    if (all_ || rows == 0) return;
    if (ids == nullptr) {
      marks_[0] = 1;
      return;
    }
    uint8_t* const marks = marks_.data();
    const uint32_t behind = known_;
    for (int64_t i = 0; i < rows; ++i) marks[std::min(ids[i], behind)] = 1;
    unlooked_rows_ += rows;
    if (unlooked_rows_ < behind) return;
    unlooked_rows_ = 0;
    all_ = CountMarks() * 2 >= behind;
  }

  /// How many of `groups` groups changed.
  int64_t Count(int64_t groups) const {
    return all_ ? groups : groups - known_ + CountMarks();
  }

  /// Those of `groups` groups that changed, ascending.
  std::vector<uint32_t> List(int64_t groups) const {
    std::vector<uint32_t> out;
    out.reserve(static_cast<size_t>(Count(groups)));
    for (uint32_t id = 0; id < groups; ++id) {
      if (all_ || id >= known_ || marks_[id] != 0) out.push_back(id);
    }
    return out;
  }

  /// All of `groups` groups are as they were written.
  Status Settle(int64_t groups) {
    ARROW_RETURN_NOT_OK(reservation_.Hold(groups + 1));
    known_ = static_cast<uint32_t>(groups);
    marks_.assign(static_cast<size_t>(groups) + 1, 0);
    all_ = false;
    unlooked_rows_ = 0;
    return Status::OK();
  }

  /// There are no groups any more; those that come are changed.
  void Clear() {
    all_ = true;
    known_ = 0;
  }

 private:
  int64_t CountMarks() const {
    return std::count(marks_.begin(), marks_.begin() + known_, uint8_t{1});
  }

  Reservation reservation_;
  bool all_ = true;  // nothing was written yet
  uint32_t known_ = 0;
  std::vector<uint8_t> marks_;  // of the known groups, then one for all behind them
  int64_t unlooked_rows_ = 0;
};

}  // namespace millrace::operators
