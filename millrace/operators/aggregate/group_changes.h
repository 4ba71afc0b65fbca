// GroupChanges: what of an aggregation's results has to be put out, where they change.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/aggregate/aggregate_set.h"
#include "millrace/operators/aggregate/group_table.h"
#include "millrace/operators/reservation.h"

namespace millrace::operators {

/// Groups that came since Settle are new, and cost nothing here. Before rows come to one
/// that was put out its results are kept, so that they can be taken back: what is held is
/// in proportion to the groups that changed, not to all. Used by one thread.
class GroupChanges {
 public:
  explicit GroupChanges(std::shared_ptr<MemoryBudget> memory)
      : memory_(std::move(memory)), reservation_(memory_, Reservation::Kind::kFixed) {}

  /// `rows` rows are about to be added to the groups `ids`; null: to group 0.
  Status Before(const uint32_t* ids, int64_t rows, AggregateSet& aggregates);
  /// Of `groups` groups, is there one to put out?
  bool Any(int64_t groups) const { return groups > known_ || !changed_.empty(); }

  struct Piece {
    std::vector<std::shared_ptr<arrow::Array>> columns;  ///< keys, then results
    std::shared_ptr<arrow::Int8Array> kinds;             ///< null: every row is new
    int64_t rows = 0;
  };
  /// The next piece of what is to be put out, of `rows` groups at the most: new groups,
  /// then old results each followed by its new one; what changed to what it was is left
  /// out, so that a piece may be empty. No rows may be added before all of it was taken.
  Result<Piece> Next(int64_t rows, GroupTable& table, AggregateSet& aggregates);
  /// All of `groups` groups were put out.
  Status Settle(int64_t groups);
  /// There are no groups any more.
  void Clear();

 private:
  using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
  Status JoinOld();

  const std::shared_ptr<MemoryBudget> memory_;
  Reservation reservation_;
  int64_t known_ = 0;           // were put out
  std::vector<uint8_t> marks_;  // of the known: did they change?
  std::vector<uint32_t> changed_;
  std::vector<uint32_t> fresh_;
  std::vector<Arrays> old_;  // results of changed_, piece by piece
  size_t next_changed_ = 0;
};

}  // namespace millrace::operators
