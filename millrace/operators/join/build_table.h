// BuildTable: the build side of a join: its rows, found by key.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/operators/reservation.h"

namespace millrace::operators {

/// Rows are chained by the hash of their key; candidates are checked for equality column
/// by column. A row with a NULL key is in no chain. Without key columns every row is in
/// one chain (cross join). Used by one thread; read-only once made.
class BuildTable {
 public:
  /// `keys`: the key columns of the `rows` build rows, plain.
  static Result<std::unique_ptr<BuildTable>> Make(
      std::vector<std::shared_ptr<arrow::Array>> keys, int64_t rows,
      std::shared_ptr<MemoryBudget> memory);

  static constexpr int32_t kNone = -1;
  /// For each probe row the first candidate, or kNone.
  Status Find(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows,
              int32_t* first) const;
  /// The candidate behind `row`, or kNone.
  int32_t Next(int32_t row) const { return next_[static_cast<size_t>(row)]; }
  /// Does build row `row` have the key of probe row `probe_row`? `keys` are plain.
  bool Matches(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t probe_row,
               int32_t row) const;

 private:
  using Equal = bool (*)(const arrow::Array&, int64_t, const arrow::Array&, int64_t);
  explicit BuildTable(std::shared_ptr<MemoryBudget> memory)
      : reservation_(std::move(memory)) {}

  Reservation reservation_;
  std::vector<std::shared_ptr<arrow::Array>> keys_;
  std::vector<Equal> equal_;
  std::vector<int32_t> heads_;  // by the high bits of the hash
  int shift_ = 63;
  std::vector<int32_t> next_;
};

}  // namespace millrace::operators
