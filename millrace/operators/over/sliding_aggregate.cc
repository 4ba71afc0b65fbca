// Aggregates of numbers over frames that move on row by row.
//
// What can be taken away again exactly (counts, sums of integers and decimals) is. Sums
// of floating point and extremes are kept in two stacks: every row of the frame lies in
// one of them, the older ones with what all that follow in their stack come to, so that a
// frame is one value of each.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/operators/over/window_function.h"

namespace millrace::operators {

namespace {

using expr::Int128;

enum class Part { kCount, kSum, kAvg, kMin, kMax };

// A state as bytes in a checkpoint.
constexpr int kStateBytes = 64;

struct DecimalValue {
  uint64_t low;
  int64_t high;
  Int128 value() const { return Int128{high} << 64 | low; }
};

// --- what a frame comes to -----------------------------------------------------------

/// Nothing but the count.
struct NoSum {
  template <typename T>
  void Add(T) {}
  template <typename T>
  void Remove(T) {}
};

struct IntegerSum {
  Int128 sum = 0;
  void Add(int64_t value) { sum += value; }
  void Remove(int64_t value) { sum -= value; }
};

/// 192 bits: sums of 38 digits may leave 128 and come back.
struct DecimalSum {
  unsigned __int128 low = 0;
  int64_t high = 0;
  void Add(DecimalValue value) {
    const auto bits = static_cast<unsigned __int128>(value.value());
    low += bits;
    high += (value.high < 0 ? -1 : 0) + (low < bits ? 1 : 0);
  }
  void Remove(DecimalValue value) {
    const auto bits = static_cast<unsigned __int128>(value.value());
    high -= (value.high < 0 ? -1 : 0) + (low < bits ? 1 : 0);
    low -= bits;
  }
  bool Fits() const {
    const auto value = static_cast<Int128>(low);
    return high == (value < 0 ? -1 : 0) && expr::FitsDigits(value, 38);
  }
};

struct RealSum {
  using Value = double;
  static constexpr Value kNone = 0;
  template <typename T>
  static Value Of(T value) {
    return static_cast<double>(value);
  }
  static Value Join(Value a, Value b) { return a + b; }
};

// Floating point as integers of the same order, NaN above all.
int64_t OrderOf(double value) {
  if (std::isnan(value)) return std::numeric_limits<int64_t>::max();
  const auto bits = std::bit_cast<int64_t>(value);
  return bits < 0 ? bits ^ std::numeric_limits<int64_t>::max() : bits;
}
double RealOf(int64_t order) {
  if (order == std::numeric_limits<int64_t>::max())
    return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>(order < 0 ? order ^ std::numeric_limits<int64_t>::max()
                                         : order);
}

template <bool kGreatest>
struct Extreme {
  using Value = int64_t;
  static constexpr Value kNone = kGreatest ? std::numeric_limits<int64_t>::min()
                                           : std::numeric_limits<int64_t>::max();
  template <typename T>
  static Value Of(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      return OrderOf(value);
    } else {
      return value;
    }
  }
  static Value Join(Value a, Value b) {
    return kGreatest ? (a > b ? a : b) : (a < b ? a : b);
  }
};

// --- frames of one partition ---------------------------------------------------------

struct Held {
  int64_t begin = 0, end = 0;  // the rows that are held
  int64_t count = 0;           // of them without NULLs
};

/// Rows can be taken away again.
template <typename T, typename Sum>
struct Exact {
  struct State : Held {
    Sum sum;
  };
  static int64_t bytes(const State&) { return sizeof(State); }

  static void Move(const FrameRows& rows, const FrameRows::Partition&, int column,
                   State& state, int64_t begin, int64_t end, Cursor<T>& adding,
                   Cursor<T>& removing) {
    for (; state.end < end; ++state.end) {
      if (!adding.Seek(state.end)) continue;
      ++state.count;
      if constexpr (!std::is_same_v<Sum, NoSum>) state.sum.Add(adding.value());
    }
    for (; state.begin < begin; ++state.begin) {
      if (!removing.Seek(state.begin)) continue;
      --state.count;
      if constexpr (!std::is_same_v<Sum, NoSum>) state.sum.Remove(removing.value());
    }
  }
};

/// Two stacks: of rows [begin, middle) what they and all up to middle come to, of rows
/// [middle, end) what all come to.
template <typename T, typename Join>
struct Stacks {
  struct State : Held {
    int64_t middle = 0;
    int64_t front_begin = 0;  // the row that front[0] belongs to
    typename Join::Value back = Join::kNone;
    std::vector<typename Join::Value> front;

    typename Join::Value value() const {
      if (begin >= middle) return back;
      return Join::Join(front[static_cast<size_t>(begin - front_begin)], back);
    }
  };
  static int64_t bytes(const State& state) {
    return static_cast<int64_t>(sizeof(State) + state.front.capacity() * 8);
  }

  static void Move(const FrameRows& rows, const FrameRows::Partition& partition,
                   int column, State& state, int64_t begin, int64_t end,
                   Cursor<T>& adding, Cursor<T>& removing) {
    for (; state.end < end; ++state.end) {
      if (!adding.Seek(state.end)) continue;
      ++state.count;
      state.back = Join::Join(state.back, Join::Of(adding.value()));
    }
    for (; state.begin < begin; ++state.begin) {
      if (removing.Seek(state.begin)) --state.count;
    }
    if (state.begin <= state.middle) return;
    state.front.resize(static_cast<size_t>(state.end - state.begin));
    typename Join::Value all = Join::kNone;
    Cursor<T> turning(rows, partition, column);
    for (int64_t row = state.end - 1; row >= state.begin; --row) {
      if (turning.Seek(row)) all = Join::Join(Join::Of(turning.value()), all);
      state.front[static_cast<size_t>(row - state.begin)] = all;
    }
    state.front_begin = state.begin;
    state.middle = state.end;
    state.back = Join::kNone;
  }
};

template <typename T, typename Frames>
class SlidingAggregate final : public WindowFunction {
 public:
  using State = typename Frames::State;

  SlidingAggregate(const plan::OverCall& call, Part part, int column,
                   arrow::MemoryPool* pool)
      : part_(part),
        from_begin_(call.frame.from_begin()),
        type_(call.type),
        column_(column),
        pool_(pool) {}

  Status Resize(int64_t partitions) override {
    states_.resize(static_cast<size_t>(partitions));
    return Status::OK();
  }

  Status Begin(int64_t rows) override {
    const int64_t width = type_->bit_width() / 8;
    ARROW_ASSIGN_OR_RAISE(values_, arrow::AllocateBuffer(rows * width, pool_));
    valid_.resize(static_cast<size_t>(rows));
    at_ = 0;
    nulls_ = 0;
    return Status::OK();
  }

  Status Evaluate(const FrameRows& rows, const FramedRows& framed) override {
    const FrameRows::Partition& partition = rows.partition(framed.id);
    State& state = states_[framed.id];
    const int64_t bytes = Frames::bytes(state);
    Cursor<T> adding(rows, partition, column_), removing(rows, partition, column_);
    for (int64_t i = 0; i < framed.count; ++i) {
      const int64_t begin = framed.begins[i], end = framed.ends[i];
      if (end <= begin) {
        ARROW_RETURN_NOT_OK(Write(State{}));
        continue;
      }
      if (begin >= state.end && begin > 0) {
        state = State{};
        SetBegin(&state, begin);
      }
      Frames::Move(rows, partition, column_, state, begin, end, adding, removing);
      ARROW_RETURN_NOT_OK(Write(state));
    }
    extra_ += Frames::bytes(state) - bytes;
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish() override {
    std::shared_ptr<arrow::Buffer> bitmap;
    if (nulls_ > 0) {
      ARROW_ASSIGN_OR_RAISE(bitmap, arrow::AllocateEmptyBitmap(at_, pool_));
      for (int64_t i = 0; i < at_; ++i) {
        if (valid_[static_cast<size_t>(i)])
          arrow::bit_util::SetBit(bitmap->mutable_data(), i);
      }
    }
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, at_, {std::move(bitmap), std::move(values_)}, nulls_));
  }

  // Rows that are held are taken away one by one.
  int64_t Needed(const FrameRows& rows, const FrameBounds& bounds,
                 uint32_t id) const override {
    const State& state = states_[id];
    if (from_begin_) return state.end;
    // Nothing of what is held lies in a frame that is to come.
    const int64_t begin = bounds.FirstBegin(rows, id);
    return begin >= state.end ? begin : state.begin;
  }

  void Rebase(uint32_t id, int64_t number) override {
    if (from_begin_) return;  // comes back by itself
    states_[id] = State{};
    SetBegin(&states_[id], number);
  }

  std::vector<std::shared_ptr<arrow::DataType>> StateTypes() const override {
    if (!from_begin_) return {};
    return {arrow::fixed_size_binary(kStateBytes)};
  }

  Result<Arrays> States(std::span<const uint32_t> ids) override {
    if (!from_begin_) return Arrays{};
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> bytes,
        arrow::AllocateBuffer(static_cast<int64_t>(ids.size()) * kStateBytes, pool_));
    std::memset(bytes->mutable_data(), 0, static_cast<size_t>(bytes->size()));
    for (size_t i = 0; i < ids.size(); ++i) {
      uint8_t* out = bytes->mutable_data() + i * kStateBytes;
      const State& state = states_[ids[i]];
      Put(&out, state.end);
      Put(&out, state.count);
      PutValue(&out, state);
    }
    return Arrays{arrow::MakeArray(arrow::ArrayData::Make(
        arrow::fixed_size_binary(kStateBytes), static_cast<int64_t>(ids.size()),
        {nullptr, std::move(bytes)}, 0))};
  }

  Status Restore(const Arrays& stored, std::span<const uint32_t> ids) override {
    if (!from_begin_) return Status::OK();
    const auto& values = static_cast<const arrow::FixedSizeBinaryArray&>(*stored[0]);
    for (size_t i = 0; i < ids.size(); ++i) {
      const uint8_t* in = values.GetValue(static_cast<int64_t>(i));
      State state;
      Get(&in, &state.end);
      Get(&in, &state.count);
      GetValue(&in, &state);
      states_[ids[i]] = std::move(state);
    }
    return Status::OK();
  }

  void Clear() override {
    states_.clear();
    extra_ = 0;
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(states_.capacity() * sizeof(State)) + extra_;
  }

 private:
  static constexpr bool kStacks = requires(State state) { state.middle; };

  static void SetBegin(State* state, int64_t begin) {
    state->begin = state->end = begin;
    if constexpr (kStacks) state->middle = state->front_begin = begin;
  }

  template <typename V>
  static void Put(uint8_t** out, const V& value) {
    std::memcpy(*out, &value, sizeof(value));
    *out += sizeof(value);
  }
  template <typename V>
  static void Get(const uint8_t** in, V* value) {
    std::memcpy(value, *in, sizeof(*value));
    *in += sizeof(*value);
  }
  static void PutValue(uint8_t** out, const State& state) {
    if constexpr (kStacks) {
      Put(out, state.value());
    } else if constexpr (requires { state.sum.high; }) {
      Put(out, state.sum.low);
      Put(out, state.sum.high);
    } else if constexpr (requires { state.sum.sum; }) {
      Put(out, state.sum.sum);
    }
  }
  static void GetValue(const uint8_t** in, State* state) {
    if constexpr (kStacks) {
      Get(in, &state->back);
    } else if constexpr (requires { state->sum.high; }) {
      Get(in, &state->sum.low);
      Get(in, &state->sum.high);
    } else if constexpr (requires { state->sum.sum; }) {
      Get(in, &state->sum.sum);
    }
  }

  template <typename V>
  void Store(V value) {
    reinterpret_cast<V*>(values_->mutable_data())[at_ - 1] = value;
  }

  Status Write(const State& state) {
    const bool any = state.count > 0 || part_ == Part::kCount;
    valid_[static_cast<size_t>(at_++)] = any;
    if (part_ == Part::kCount) {
      Store<int64_t>(state.count);
      return Status::OK();
    }
    if (!any) {
      ++nulls_;
      std::memset(values_->mutable_data() + (at_ - 1) * type_->bit_width() / 8, 0,
                  static_cast<size_t>(type_->bit_width() / 8));
      return Status::OK();
    }
    return WriteValue(state);
  }

  Status WriteValue(const State& state) {
    const auto count = static_cast<double>(state.count);
    if constexpr (kStacks) {
      const auto value = state.value();
      if constexpr (std::is_same_v<decltype(value), const double>) {
        Store<double>(part_ == Part::kAvg ? value / count : value);
      } else if constexpr (std::is_floating_point_v<T>) {
        Store<T>(static_cast<T>(RealOf(value)));
      } else if constexpr (std::is_integral_v<T>) {
        Store<T>(static_cast<T>(value));
      }
    } else if constexpr (requires { state.sum.high; }) {
      if (!state.sum.Fits())
        return errors::kNumericOverflow.Make({}, "SUM exceeds 38 digits");
      Store<DecimalValue>({static_cast<uint64_t>(state.sum.low),
                           static_cast<int64_t>(state.sum.low >> 64)});
    } else if constexpr (requires { state.sum.sum; }) {
      if (part_ == Part::kAvg) {
        Store<double>(static_cast<double>(state.sum.sum) / count);
        return Status::OK();
      }
      const auto sum = static_cast<int64_t>(state.sum.sum);
      if (sum != state.sum.sum)
        return errors::kNumericOverflow.Make({}, "SUM exceeds BIGINT");
      Store<int64_t>(sum);
    }
    return Status::OK();
  }

  const Part part_;
  const bool from_begin_;
  const expr::TypePtr type_;
  const int column_;
  arrow::MemoryPool* const pool_;
  std::vector<State> states_;
  int64_t extra_ = 0;
  std::shared_ptr<arrow::Buffer> values_;
  std::vector<uint8_t> valid_;
  int64_t at_ = 0;
  int64_t nulls_ = 0;
};

// COUNT(*): the length of the frame.
class RowCount final : public WindowFunction {
 public:
  explicit RowCount(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Begin(int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(values_, arrow::AllocateBuffer(rows * 8, pool_));
    at_ = 0;
    return Status::OK();
  }
  Status Evaluate(const FrameRows&, const FramedRows& framed) override {
    auto* out = reinterpret_cast<int64_t*>(values_->mutable_data()) + at_;
    for (int64_t i = 0; i < framed.count; ++i)
      out[i] = std::max<int64_t>(framed.ends[i] - framed.begins[i], 0);
    at_ += framed.count;
    return Status::OK();
  }
  Result<std::shared_ptr<arrow::Array>> Finish() override {
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), at_, {nullptr, std::move(values_)}, 0));
  }
  int64_t Needed(const FrameRows&, const FrameBounds&, uint32_t) const override {
    return kNothing;
  }

 private:
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::Buffer> values_;
  int64_t at_ = 0;
};

template <typename T>
WindowFunctionPtr MakeOf(const plan::OverCall& call, Part part, int column,
                         arrow::MemoryPool* pool) {
  const auto make = [&]<typename Frames>(std::type_identity<Frames>) {
    return std::make_unique<SlidingAggregate<T, Frames>>(call, part, column, pool);
  };
  switch (part) {
    case Part::kMin: return make(std::type_identity<Stacks<T, Extreme<false>>>());
    case Part::kMax: return make(std::type_identity<Stacks<T, Extreme<true>>>());
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) {
    return make(std::type_identity<Stacks<T, RealSum>>());
  } else {
    return make(std::type_identity<Exact<T, IntegerSum>>());
  }
}

std::optional<Part> PartOf(const std::string& name) {
  if (name == "count") return Part::kCount;
  if (name == "sum") return Part::kSum;
  if (name == "avg") return Part::kAvg;
  if (name == "min") return Part::kMin;
  if (name == "max") return Part::kMax;
  return std::nullopt;
}

}  // namespace

WindowFunctionPtr MakeSlidingAggregate(const plan::OverCall& call,
                                       const arrow::DataType* argument, int column,
                                       arrow::MemoryPool* pool) {
  const auto part = PartOf(call.aggregate.function->doc.name);
  const bool extreme = part == Part::kMin || part == Part::kMax;
  if (!part || (call.aggregate.distinct && !extreme)) return nullptr;
  if (argument == nullptr) return std::make_unique<RowCount>(pool);
  if (part == Part::kCount) {
    return std::make_unique<SlidingAggregate<char, Exact<char, NoSum>>>(call, *part,
                                                                        column, pool);
  }
  switch (argument->id()) {
    case arrow::Type::INT32: return MakeOf<int32_t>(call, *part, column, pool);
    case arrow::Type::INT64: return MakeOf<int64_t>(call, *part, column, pool);
    case arrow::Type::FLOAT: return MakeOf<float>(call, *part, column, pool);
    case arrow::Type::DOUBLE: return MakeOf<double>(call, *part, column, pool);
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
      return extreme ? MakeOf<int32_t>(call, *part, column, pool) : nullptr;
    case arrow::Type::TIMESTAMP:
    case arrow::Type::TIME64:
      return extreme ? MakeOf<int64_t>(call, *part, column, pool) : nullptr;
    case arrow::Type::DECIMAL128:
      if (part != Part::kSum) return nullptr;
      return std::make_unique<
          SlidingAggregate<DecimalValue, Exact<DecimalValue, DecimalSum>>>(call, *part,
                                                                           column, pool);
    default: return nullptr;
  }
}

}  // namespace millrace::operators
