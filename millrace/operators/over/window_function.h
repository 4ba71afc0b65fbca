// WindowFunction: one function over frames, a partition at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/over/frame_bounds.h"
#include "millrace/operators/over/frame_rows.h"
#include "millrace/plan/over_node.h"

namespace millrace::operators {

/// Rows [first, first + count) of a partition, with the frame of each. Frames may be
/// empty: their end is then not behind their begin.
struct FramedRows {
  uint32_t id = 0;
  int64_t first = 0;
  int64_t count = 0;
  const int64_t* begins = nullptr;
  const int64_t* ends = nullptr;
};

/// Keeps what it needs of each partition from one call to the next, so that no frame is
/// added up twice. Rows of a partition come in order. Used by one thread.
class WindowFunction {
 public:
  using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
  static constexpr int64_t kNothing = std::numeric_limits<int64_t>::max();

  virtual ~WindowFunction() = default;
  /// Make room for partitions [0, partitions).
  virtual Status Resize(int64_t partitions) { return Status::OK(); }
  /// Begin a column of `rows` results.
  virtual Status Begin(int64_t rows) = 0;
  /// The next results of it.
  virtual Status Evaluate(const FrameRows& rows, const FramedRows& framed) = 0;
  virtual Result<std::shared_ptr<arrow::Array>> Finish() = 0;

  /// No row of a partition before this one is looked at again.
  virtual int64_t Needed(const FrameRows& rows, const FrameBounds& bounds,
                         uint32_t id) const = 0;
  /// So many rows at the begin of every partition are looked at for ever.
  virtual int64_t Pinned() const { return 0; }
  /// What a partition has been told is to be told again, from row `number` on.
  virtual void Rebase(uint32_t id, int64_t number) {}

  /// What rows can't tell again, a row for each partition; none: nothing.
  virtual std::vector<std::shared_ptr<arrow::DataType>> StateTypes() const { return {}; }
  virtual Result<Arrays> States(std::span<const uint32_t> ids) { return Arrays{}; }
  virtual Status Restore(const Arrays& state, std::span<const uint32_t> ids) {
    return Status::OK();
  }
  virtual void Clear() {}
  /// Count what is held outside the pool, where the function does not do so itself.
  virtual int64_t extra_bytes() const { return 0; }
  virtual Status Charge() { return Status::OK(); }
};

using WindowFunctionPtr = std::unique_ptr<WindowFunction>;

/// ROW_NUMBER, RANK and their sisters, by the numbers of rows; `dense`: the column that
/// numbers groups of equal rows.
WindowFunctionPtr MakePositionFunction(const plan::OverCall& call, int dense,
                                       arrow::MemoryPool* pool);
/// FIRST_VALUE, LAST_VALUE, NTH_VALUE: a value of a column; `otherwise`: the column for
/// where there is no row, or -1.
WindowFunctionPtr MakeValueFunction(const plan::OverCall& call, int column, int otherwise,
                                    arrow::MemoryPool* pool);
/// COUNT, SUM, AVG, MIN and MAX of numbers and times, each row added once and taken away
/// once; null for others. `column`: the argument, -1 for COUNT(*).
WindowFunctionPtr MakeSlidingAggregate(const plan::OverCall& call,
                                       const arrow::DataType* argument, int column,
                                       arrow::MemoryPool* pool);
/// Any aggregate. Where frames begin with their partition rows are added once; else each
/// frame is added up by itself. `call` is over the columns of FrameRows.
Result<WindowFunctionPtr> MakeGeneralAggregate(const plan::OverCall& call,
                                               Evaluation& evaluation);

}  // namespace millrace::operators
