#include "millrace/operators/over/frame_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::operators {

namespace {

using plan::FrameBound;
using plan::OverFrame;
using Kind = FrameBound::Kind;
using Unit = OverFrame::Unit;

bool HasOffset(const FrameBound& bound) {
  return bound.kind == Kind::kPreceding || bound.kind == Kind::kFollowing;
}

bool IsUnbounded(const FrameBound& bound) {
  return bound.kind == Kind::kUnboundedPreceding ||
         bound.kind == Kind::kUnboundedFollowing;
}

int64_t SignedOffset(const FrameBound& bound) {
  switch (bound.kind) {
    case Kind::kPreceding: return -bound.offset;
    case Kind::kFollowing: return bound.offset;
    default: return 0;
  }
}

int64_t AddSaturated(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min()
               : std::numeric_limits<int64_t>::max();
}

}  // namespace

// Its types are part of what templates of FrameBounds are made of, so they have a name.
namespace frame_keys {

// Keys in the order of the window; NaN is above every number, and so below where the
// order descends.
template <typename T>
struct Keys;

template <>
struct Keys<int64_t> {
  const RangeKey& key;
  bool Less(int64_t a, int64_t b) const { return a < b; }
  int64_t Move(int64_t value, const FrameBound& bound) const {
    return AddSaturated(value, SignedOffset(bound));
  }
};

template <>
struct Keys<double> {
  const RangeKey& key;
  bool Less(double a, double b) const {
    if (std::isnan(a) || std::isnan(b)) {
      return key.descending ? std::isnan(a) && !std::isnan(b)
                            : std::isnan(b) && !std::isnan(a);
    }
    return a < b;
  }
  double Move(double value, const FrameBound& bound) const {
    return bound.kind == Kind::kPreceding   ? value - bound.real
           : bound.kind == Kind::kFollowing ? value + bound.real
                                            : value;
  }
};

}  // namespace frame_keys

bool FrameBounds::NeedsDense(const OverFrame& frame) {
  if (frame.unit == Unit::kRows) return false;
  const auto needs = [&](const FrameBound& bound) {
    // A row without a key has its equals only.
    return !IsUnbounded(bound);
  };
  return needs(frame.begin) || needs(frame.end);
}

bool FrameBounds::NeedsKey(const OverFrame& frame) {
  return frame.unit == Unit::kRange && (HasOffset(frame.begin) || HasOffset(frame.end));
}

bool FrameBounds::LooksAhead(const OverFrame& frame) {
  const auto ahead = [](const FrameBound& bound) {
    return bound.kind == Kind::kUnboundedFollowing ||
           (bound.kind == Kind::kFollowing && (bound.offset > 0 || bound.real > 0));
  };
  return ahead(frame.begin) || ahead(frame.end);
}

bool FrameBounds::by_rows(const FrameBound& bound) const {
  return frame_.unit == Unit::kRows && !IsUnbounded(bound);
}

bool FrameBounds::by_key(const FrameBound& bound) const {
  return frame_.unit == Unit::kRange && HasOffset(bound);
}

// Of groups of equal rows, or of groups a number of them away.
template <bool kEnd>
void FrameBounds::ByDense(const FrameRows& rows, uint32_t id, int64_t first,
                          int64_t count, int64_t* out) {
  const FrameRows::Partition& partition = rows.partition(id);
  const int64_t move = SignedOffset(kEnd ? frame_.end : frame_.begin);
  int64_t& at = (kEnd ? end_at_ : begin_at_)[id];
  Cursor<int64_t> own(rows, partition, dense_), other(rows, partition, dense_);
  for (int64_t i = 0; i < count; ++i) {
    own.Seek(first + i);
    const int64_t target = AddSaturated(own.value(), move);
    while (at < partition.rows) {
      other.Seek(at);
      if (kEnd ? other.value() > target : other.value() >= target) break;
      ++at;
    }
    out[i] = at;
  }
}

template <bool kEnd, typename T>
void FrameBounds::ByKey(const FrameRows& rows, uint32_t id, int64_t first, int64_t count,
                        int64_t* out) {
  const FrameRows::Partition& partition = rows.partition(id);
  const FrameBound& bound = kEnd ? frame_.end : frame_.begin;
  const frame_keys::Keys<T> keys{key_};
  int64_t& at = (kEnd ? end_at_ : begin_at_)[id];
  Cursor<T> own(rows, partition, key_.column), other(rows, partition, key_.column);
  for (int64_t i = 0; i < count; ++i) {
    const bool null = !own.Seek(first + i);
    const T target = null ? T{} : keys.Move(own.value(), bound);
    // Is row `at` still before the bound? NULLs are each other's equals and lie at one
    // end.
    const auto before = [&]() {
      const bool other_null = !other.Seek(at);
      if (null) return other_null ? kEnd : !key_.nulls_first;
      if (other_null) return key_.nulls_first;
      return kEnd ? !keys.Less(target, other.value()) : keys.Less(other.value(), target);
    };
    while (at < partition.rows && before()) ++at;
    out[i] = at;
  }
}

template <bool kEnd>
void FrameBounds::ComputeBound(const FrameRows& rows, uint32_t id, int64_t first,
                               int64_t count, int64_t* out) {
  const FrameBound& bound = kEnd ? frame_.end : frame_.begin;
  const int64_t known = rows.partition(id).rows;
  if (IsUnbounded(bound)) {
    std::fill_n(out, count, bound.kind == Kind::kUnboundedPreceding ? 0 : known);
  } else if (by_rows(bound)) {
    const int64_t move = AddSaturated(SignedOffset(bound), kEnd ? 1 : 0);
    for (int64_t i = 0; i < count; ++i)
      out[i] = std::clamp(AddSaturated(first + i, move), int64_t{0}, known);
  } else if (!by_key(bound)) {
    ByDense<kEnd>(rows, id, first, count, out);
  } else if (key_.real) {
    ByKey<kEnd, double>(rows, id, first, count, out);
  } else {
    ByKey<kEnd, int64_t>(rows, id, first, count, out);
  }
}

void FrameBounds::Compute(const FrameRows& rows, uint32_t id, int64_t first,
                          int64_t count, int64_t* begins, int64_t* ends) {
  ComputeBound<false>(rows, id, first, count, begins);
  ComputeBound<true>(rows, id, first, count, ends);
}

int64_t FrameBounds::Known(const FrameRows& rows, uint32_t id, int64_t first,
                           int64_t passed) const {
  const FrameRows::Partition& partition = rows.partition(id);
  int64_t known = partition.rows;
  for (const FrameBound* bound : {&frame_.begin, &frame_.end}) {
    if (bound->kind != Kind::kFollowing) continue;
    if (by_rows(*bound)) {
      known = std::min(known, partition.rows - std::min(bound->offset, partition.rows));
    } else if (by_key(*bound)) {
      // By time only: what follows is after `passed`.
      Cursor<int64_t> own(rows, partition, key_.column);
      int64_t row = first;
      for (; row < known; ++row) {
        own.Seek(row);
        if (AddSaturated(own.value(), bound->offset) > passed) break;
      }
      known = row;
    } else if (known > first) {
      Cursor<int64_t> own(rows, partition, dense_);
      own.Seek(partition.rows - 1);
      const int64_t last = own.value();
      int64_t row = first;
      for (; row < known; ++row) {
        own.Seek(row);
        if (AddSaturated(own.value(), bound->offset) > last) break;
      }
      known = row;
    }
  }
  return std::max(known, first);
}

int64_t FrameBounds::FirstBegin(const FrameRows& rows, uint32_t id) const {
  const FrameRows::Partition& partition = rows.partition(id);
  if (IsUnbounded(frame_.begin)) return 0;
  if (by_rows(frame_.begin)) {
    return std::max<int64_t>(AddSaturated(partition.out, SignedOffset(frame_.begin)), 0);
  }
  return begin_at_[id];
}

int64_t FrameBounds::FirstLast(const FrameRows& rows, uint32_t id) const {
  const FrameRows::Partition& partition = rows.partition(id);
  if (IsUnbounded(frame_.end)) return partition.out;
  if (by_rows(frame_.end)) {
    return std::max<int64_t>(AddSaturated(partition.out, SignedOffset(frame_.end)), 0);
  }
  return std::max<int64_t>(end_at_[id] - 1, 0);
}

int64_t FrameBounds::Needed(const FrameRows& rows, uint32_t id) const {
  int64_t needed = rows.partition(id).out;
  if (!IsUnbounded(frame_.begin) && !by_rows(frame_.begin))
    needed = std::min(needed, begin_at_[id]);
  if (!IsUnbounded(frame_.end) && !by_rows(frame_.end))
    needed = std::min(needed, end_at_[id]);
  return needed;
}

void FrameBounds::Pass(const FrameRows& rows, uint32_t id, int64_t passed) {
  const FrameRows::Partition& partition = rows.partition(id);
  if (partition.out < partition.rows) return;  // frames of known rows come first
  const auto pass = [&](const FrameBound& bound, int64_t* at) {
    if (IsUnbounded(bound) || by_rows(bound)) return;
    if (!by_key(bound)) {
      // Of groups: those of rows to come lie behind all that is known, but n of them
      // may be asked for.
      if (bound.offset == 0) *at = std::max(*at, partition.rows);
      return;
    }
    const int64_t target = AddSaturated(passed, SignedOffset(bound));
    Cursor<int64_t> other(rows, partition, key_.column);
    while (*at < partition.rows) {
      other.Seek(*at);
      if (other.value() > target) break;
      ++*at;
    }
  };
  pass(frame_.begin, &begin_at_[id]);
  pass(frame_.end, &end_at_[id]);
}

}  // namespace millrace::operators
