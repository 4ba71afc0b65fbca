// COUNT, SUM, AVG, MIN and MAX of one argument in one pass.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/datum.h>
#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/expr/function.h"

namespace millrace::functions {

/// What a StatsAccumulator can answer; bits of a set.
/// kRows counts NULLs too: COUNT(*) beside an aggregate over an argument.
enum class Part : uint8_t {
  kCount = 1,
  kSum = 2,
  kAvg = 4,
  kMin = 8,
  kMax = 16,
  kRows = 32
};
using Parts = uint8_t;

constexpr Parts operator|(Part a, Part b) {
  return static_cast<Parts>(static_cast<Parts>(a) | static_cast<Parts>(b));
}
constexpr Parts operator|(Parts a, Part b) {
  return static_cast<Parts>(a | static_cast<Parts>(b));
}
constexpr bool Has(Parts parts, Part part) {
  return (parts & static_cast<Parts>(part)) != 0;
}

/// Statistics of one numeric or temporal argument per dense group id.
///
/// All parts of a group lie in one packed row, so a row of input touches one cache line
/// whatever the number of aggregates over the argument. Several aggregate expressions
/// over the same argument share one instance: ask for each by FinishPart.
///
/// NULLs count for nothing, except in kRows. NaN is greater than every number. Sums of
/// integers are exact: only a final sum outside BIGINT fails. Used by one thread; memory
/// from `pool`.
class StatsAccumulator {
 public:
  /// For arguments of INTEGER, BIGINT, REAL, DOUBLE and the types stored like them (DATE,
  /// TIME, TIMESTAMP: kCount, kMin and kMax only). `parts`: what will be asked for.
  static Result<std::unique_ptr<StatsAccumulator>> Make(
      const std::shared_ptr<arrow::DataType>& type, Parts parts, arrow::MemoryPool* pool);
  /// Can Make serve arguments of `type`?
  static bool Supports(const arrow::DataType& type);

  virtual ~StatsAccumulator() = default;
  /// Make room for groups [0, groups); new ones start empty.
  virtual Status Resize(int64_t groups) = 0;
  /// Row i belongs to group ids[i]; null `ids`: every row to group 0. A scalar counts for
  /// every row.
  virtual Status Update(const arrow::Datum& values, const uint32_t* ids,
                        int64_t rows) = 0;
  /// Take rows away again. Only where neither kMin nor kMax was asked for.
  virtual Status Retract(const arrow::Datum& values, const uint32_t* ids,
                         int64_t rows) = 0;
  /// Result of one wanted part for groups [begin, end): BIGINT counts and integer sums,
  /// DOUBLE other sums and averages, the argument's type for extremes. All but the counts
  /// are NULL for groups without values.
  virtual Result<std::shared_ptr<arrow::Array>> FinishPart(Part part, int64_t begin,
                                                           int64_t end) = 0;
  /// Columns of a partial state: the count, then sum, min, max and rows where wanted.
  virtual std::vector<std::shared_ptr<arrow::DataType>> state_types() const = 0;
  virtual Result<std::vector<std::shared_ptr<arrow::Array>>> State(
      const expr::GroupSelection& groups) = 0;
  virtual Status Merge(const std::vector<std::shared_ptr<arrow::Array>>& state,
                       const uint32_t* ids, int64_t rows) = 0;
  virtual void Clear() = 0;
  /// Bytes held outside the pool.
  virtual int64_t extra_bytes() const = 0;
};

}  // namespace millrace::functions
