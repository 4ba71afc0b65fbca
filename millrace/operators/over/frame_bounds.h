// FrameBounds: where the frames of rows begin and end.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/operators/over/frame_rows.h"
#include "millrace/plan/over_node.h"

namespace millrace::operators {

/// How the order key of RANGE with an offset is stored: ascending in the order of the
/// window, so a descending key with its sign turned.
struct RangeKey {
  int column = -1;    ///< of FrameRows; -1: none
  bool real = false;  ///< DOUBLE, else BIGINT
  bool descending = false;
  bool nulls_first = false;
};

/// Frames as numbers of rows [begin, end). Both never go down from row to row, so that
/// each row is passed once. Used by one thread.
class FrameBounds {
 public:
  /// `dense`: the column of FrameRows that numbers groups of equal rows; -1 where none
  /// is needed.
  FrameBounds(plan::OverFrame frame, int dense, RangeKey key)
      : frame_(frame), dense_(dense), key_(key) {}

  /// Does a frame go by groups of equal rows, or by their values?
  static bool NeedsDense(const plan::OverFrame& frame);
  static bool NeedsKey(const plan::OverFrame& frame);
  /// Must rows that follow be known?
  static bool LooksAhead(const plan::OverFrame& frame);

  const plan::OverFrame& frame() const { return frame_; }
  void Resize(int64_t partitions) {
    begin_at_.resize(static_cast<size_t>(partitions));
    end_at_.resize(static_cast<size_t>(partitions));
  }
  void Clear() {
    begin_at_.clear();
    end_at_.clear();
  }

  /// The frames of rows [first, first + count) of a partition.
  void Compute(const FrameRows& rows, uint32_t id, int64_t first, int64_t count,
               int64_t* begins, int64_t* ends);
  /// Rows from `first` on whose frames are known as long as more rows may follow, which
  /// are greater than `passed` in the time that they are ordered by: the number of the
  /// first row whose frame is not.
  int64_t Known(const FrameRows& rows, uint32_t id, int64_t first, int64_t passed) const;
  /// No row before this one is looked at to find frames; the lowest begin, and the lowest
  /// last row, of a frame that is still to come.
  int64_t Needed(const FrameRows& rows, uint32_t id) const;
  int64_t FirstBegin(const FrameRows& rows, uint32_t id) const;
  int64_t FirstLast(const FrameRows& rows, uint32_t id) const;
  /// Rows of a partition that comes back from a checkpoint are looked at from `number`
  /// on.
  void Rebase(uint32_t id, int64_t number) { begin_at_[id] = end_at_[id] = number; }
  /// Rows that follow are greater than `passed`: those that no frame of theirs can hold
  /// are passed over.
  void Pass(const FrameRows& rows, uint32_t id, int64_t passed);

  int64_t extra_bytes() const {
    return static_cast<int64_t>((begin_at_.capacity() + end_at_.capacity()) * 8);
  }

 private:
  bool by_rows(const plan::FrameBound& bound) const;
  bool by_key(const plan::FrameBound& bound) const;
  template <bool kEnd>
  void ComputeBound(const FrameRows& rows, uint32_t id, int64_t first, int64_t count,
                    int64_t* out);
  template <bool kEnd>
  void ByDense(const FrameRows& rows, uint32_t id, int64_t first, int64_t count,
               int64_t* out);
  template <bool kEnd, typename T>
  void ByKey(const FrameRows& rows, uint32_t id, int64_t first, int64_t count,
             int64_t* out);

  const plan::OverFrame frame_;
  const int dense_;
  const RangeKey key_;
  std::vector<int64_t> begin_at_, end_at_;  // per partition
};

}  // namespace millrace::operators
