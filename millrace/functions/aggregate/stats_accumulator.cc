#include "millrace/functions/aggregate/stats_accumulator.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <arrow/api.h>
#include <arrow/util/bit_block_counter.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/decimal.h>

#include "millrace/data/dictionary.h"
#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/stats_row_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;
using expr::GroupSelection;
using expr::Int128;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr int kReplicas = 4;
// Replicas of more groups than this no longer fit the first-level cache.
constexpr int64_t kReplicatedGroups = 192;
// Fewer rows than this are not worth a look at how they are spread.
constexpr int64_t kSampledRows = 256;
// Rows of groups beyond this lie outside the second-level cache.
constexpr int64_t kPrefetchBytes = 1 << 20;
constexpr int64_t kPrefetchAhead = 24;
constexpr uint32_t kNoHotGroup = 0xFFFFFFFF;

TypePtr SumStateType(bool is_float) {
  return is_float ? arrow::float64() : arrow::decimal128(38, 0);
}

// The most frequent id, if a fourth of a sample shows it. With one group that hot, each
// row would wait until its predecessor's row was stored.
uint32_t HotGroup(const uint32_t* ids, int64_t rows) {
  constexpr int kSample = 64;
  uint32_t sample[kSample];
  const int64_t step = rows / kSample;
  for (int i = 0; i < kSample; ++i) sample[i] = ids[i * step];
  std::sort(sample, sample + kSample);
  int run = 0, longest = 0;
  uint32_t hot = kNoHotGroup;
  for (int i = 0; i < kSample; ++i) {
    run = i > 0 && sample[i] == sample[i - 1] ? run + 1 : 1;
    if (run > longest) {
      longest = run;
      hot = sample[i];
    }
  }
  return longest >= kSample / 4 ? hot : kNoHotGroup;
}

template <typename Row>
class PackedStats final : public StatsAccumulator {
 public:
  using T = typename Row::Value;
  static constexpr bool kFloat = Row::kFloat;
  static constexpr bool kSums = requires(Row row) { row.sum.value; };
  static constexpr bool kMins = requires(Row row) { row.min.value; };
  static constexpr bool kMaxs = requires(Row row) { row.max.value; };

  PackedStats(TypePtr type, Parts parts, arrow::MemoryPool* pool)
      : type_(std::move(type)), parts_(parts), pool_(pool) {}

  Status Resize(int64_t groups) override {
    columns_.reset();
    if (groups <= groups_) return Status::OK();
    if (groups > capacity_) {
      // Doubling keeps the cost of growing and of first touch in proportion.
      const int64_t capacity = std::max<int64_t>({groups, capacity_ * 2, 64});
      if (buffer_ == nullptr) {
        ARROW_ASSIGN_OR_RAISE(buffer_, arrow::AllocateResizableBuffer(0, pool_));
      }
      ARROW_RETURN_NOT_OK(
          buffer_->Resize(capacity * static_cast<int64_t>(sizeof(Row)), false));
      capacity_ = capacity;
    }
    std::fill(rows() + groups_, rows() + groups, Row::Empty());
    groups_ = groups;
    return Status::OK();
  }

  Status Update(const arrow::Datum& values, const uint32_t* ids, int64_t rows) override {
    if (rows == 0) return Status::OK();
    columns_.reset();
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, Values(values, rows));
    const T* data = array->data()->GetValues<T>(1);
    ChooseMode(ids, rows);
    if (array->null_count() == 0) {
      AddRange(data, ids, rows);
    } else {
      AddWithNulls(*array, data, ids, rows);
    }
    FoldReplicas();
    return Status::OK();
  }

  Status Retract(const arrow::Datum& values, const uint32_t* ids,
                 int64_t count) override {
    if (Has(parts_, Part::kMin) || Has(parts_, Part::kMax)) {
      return errors::kInternal.Make({}, "MIN and MAX can't take rows away");
    }
    columns_.reset();
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, Values(values, count));
    const T* data = array->data()->GetValues<T>(1);
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t group = ids == nullptr ? 0 : ids[i];
      if (array->IsNull(i)) {
        AddNulls(group, -1);
        continue;
      }
      Row& row = rows()[group];
      --row.count;
      if constexpr (kSums) {
        if constexpr (kFloat) {
          row.sum.value -= data[i];
          // Nothing is left: rounding errors must not survive the values.
          if (row.count == 0) row.sum.value = 0;
        } else if (__builtin_sub_overflow(row.sum.value, static_cast<int64_t>(data[i]),
                                          &row.sum.value)) {
          carries_[group] += data[i] < 0 ? 1 : -1;
        }
      }
    }
    return Status::OK();
  }

  Result<ArrayPtr> FinishPart(Part part, int64_t begin, int64_t end) override {
    const GroupSelection groups(begin, end);
    ARROW_RETURN_NOT_OK(MakeColumns(groups));
    switch (part) {
      case Part::kCount: return columns_->count;
      case Part::kSum:
        if constexpr (kSums) return Sums();
        break;
      case Part::kAvg:
        if constexpr (kSums) return Averages();
        break;
      case Part::kMin:
        if constexpr (kMins) return columns_->min;
        break;
      case Part::kMax:
        if constexpr (kMaxs) return columns_->max;
        break;
      case Part::kRows: return RowCounts(groups);
    }
    return NotWanted();
  }

  std::vector<TypePtr> state_types() const override {
    std::vector<TypePtr> types{arrow::int64()};
    if constexpr (kSums) types.push_back(SumStateType(kFloat));
    if constexpr (kMins) types.push_back(type_);
    if constexpr (kMaxs) types.push_back(type_);
    if (Has(parts_, Part::kRows)) types.push_back(arrow::int64());
    return types;
  }

  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_RETURN_NOT_OK(MakeColumns(groups));
    std::vector<ArrayPtr> state{columns_->count};
    if constexpr (kSums) {
      ARROW_ASSIGN_OR_RAISE(ArrayPtr sums, SumState(groups));
      state.push_back(std::move(sums));
    }
    if constexpr (kMins) state.push_back(columns_->min);
    if constexpr (kMaxs) state.push_back(columns_->max);
    if (Has(parts_, Part::kRows)) {
      ARROW_ASSIGN_OR_RAISE(ArrayPtr rows, RowCounts(groups));
      state.push_back(std::move(rows));
    }
    return state;
  }

  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t count) override {
    constexpr size_t kColumns = 1 + (kSums ? 1 : 0) + (kMins ? 1 : 0) + (kMaxs ? 1 : 0);
    const bool counts_rows = Has(parts_, Part::kRows);
    if (state.size() != kColumns + (counts_rows ? 1 : 0)) {
      return errors::kInternal.Make({}, "a state of {} columns", state.size());
    }
    columns_.reset();
    const auto* counts = state[0]->data()->GetValues<int64_t>(1);
    [[maybe_unused]] const double* doubles = nullptr;
    [[maybe_unused]] const uint8_t* decimals = nullptr;
    [[maybe_unused]] const T* mins = nullptr;
    [[maybe_unused]] const T* maxs = nullptr;
    if constexpr (kSums && kFloat) doubles = state[1]->data()->GetValues<double>(1);
    if constexpr (kSums && !kFloat)
      decimals = static_cast<const arrow::Decimal128Array&>(*state[1]).raw_values();
    if constexpr (kMins) mins = state[kSums ? 2 : 1]->data()->template GetValues<T>(1);
    if constexpr (kMaxs) maxs = state[kColumns - 1]->data()->template GetValues<T>(1);
    if (counts_rows) {
      const auto* all = state.back()->data()->GetValues<int64_t>(1);
      for (int64_t i = 0; i < count; ++i) {
        if (all[i] != counts[i])
          AddNulls(ids == nullptr ? 0 : ids[i], all[i] - counts[i]);
      }
    }
    Row* const base = rows();
    const int64_t ahead =
        ids != nullptr && groups_ * static_cast<int64_t>(sizeof(Row)) > kPrefetchBytes
            ? count - kPrefetchAhead
            : 0;
    for (int64_t i = 0; i < count; ++i) {
      if (i < ahead) __builtin_prefetch(base + ids[i + kPrefetchAhead], 1);
      if (counts[i] == 0) continue;
      const uint32_t group = ids == nullptr ? 0 : ids[i];
      Row other = Row::Empty();
      other.count = counts[i];
      if constexpr (kSums && kFloat) other.sum.value = doubles[i];
      if constexpr (kSums && !kFloat) {
        const Int128 sum = expr::LoadInt128(decimals + i * 16);
        other.sum.value = static_cast<int64_t>(sum);
        if (const auto carry = CarryOf(sum, other.sum.value); carry != 0) {
          carries_[group] += carry;
        }
      }
      if constexpr (kMins) other.min.value = mins[i];
      if constexpr (kMaxs) other.max.value = maxs[i];
      FoldInto(group, other);
    }
    return Status::OK();
  }

  void Clear() override {
    columns_.reset();
    groups_ = 0;
    carries_.clear();
    nulls_.clear();
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(nulls_.capacity() * sizeof(int64_t) +
                                replicas_.capacity() * sizeof(Row) +
                                carries_.size() * kCarryBytes);
  }

 private:
  // A node of the hash map and its share of the buckets.
  static constexpr size_t kCarryBytes = 48;

  Row* rows() { return reinterpret_cast<Row*>(buffer_->mutable_data()); }

  Result<ArrayPtr> Values(const arrow::Datum& values, int64_t count) {
    if (values.is_scalar()) {
      return arrow::MakeArrayFromScalar(*values.scalar(), count, pool_);
    }
    return data::Decoded(values.make_array(), pool_);
  }

  // How many times a sum went round 64 bits, given its low half read as signed.
  static int64_t CarryOf(Int128 sum, int64_t low) {
    return static_cast<int64_t>((sum - low) >> 64);
  }

  [[gnu::noinline, gnu::cold]] void Carry(uint32_t group, bool negative) {
    carries_[group] += negative ? -1 : 1;
  }

  [[gnu::always_inline]] void AddTo(Row* row, uint32_t group, T value) {
    if (row->Add(value)) [[unlikely]]
      Carry(group, value < 0);
  }

  void AddNulls(uint32_t group, int64_t rows) {
    if (!Has(parts_, Part::kRows)) return;
    if (group >= nulls_.size()) nulls_.resize(static_cast<size_t>(groups_), 0);
    nulls_[group] += rows;
  }

  void FoldInto(uint32_t group, const Row& other) {
    bool negative = false;
    if constexpr (kSums) negative = other.sum.value < 0;
    if (rows()[group].Fold(other)) Carry(group, negative);
  }

  void ChooseMode(const uint32_t* ids, int64_t count) {
    hot_ = kNoHotGroup;
    replicated_ = false;
    if (ids == nullptr || count < kSampledRows) return;
    if (groups_ <= kReplicatedGroups && count >= groups_ * 8) {
      replicated_ = true;
      replicas_.assign(static_cast<size_t>(groups_) * kReplicas, Row::Empty());
      return;
    }
    hot_ = HotGroup(ids, count);
    if (hot_ != kNoHotGroup) replicas_.assign(kReplicas, Row::Empty());
  }

  void FoldReplicas() {
    if (replicated_) {
      for (int64_t group = 0; group < groups_; ++group) {
        for (int replica = 0; replica < kReplicas; ++replica) {
          FoldInto(static_cast<uint32_t>(group), replicas_[replica * groups_ + group]);
        }
      }
    } else if (hot_ != kNoHotGroup) {
      for (const Row& replica : replicas_) FoldInto(hot_, replica);
    }
  }

  void AddRange(const T* values, const uint32_t* ids, int64_t count) {
    if (ids == nullptr) {
      AddOneGroup(values, count);
    } else if (replicated_) {
      AddReplicated(values, ids, count);
    } else if (hot_ != kNoHotGroup) {
      AddHot(values, ids, count);
    } else if (groups_ * static_cast<int64_t>(sizeof(Row)) > kPrefetchBytes) {
      AddPrefetched(values, ids, count);
    } else {
      Row* const base = rows();
      for (int64_t i = 0; i < count; ++i) AddTo(base + ids[i], ids[i], values[i]);
    }
  }

  // Four independent rows: no addition waits for the one before it.
  void AddOneGroup(const T* values, int64_t count) {
    Row parts[kReplicas] = {Row::Empty(), Row::Empty(), Row::Empty(), Row::Empty()};
    int64_t i = 0;
    for (; i + kReplicas <= count; i += kReplicas) {
      AddTo(&parts[0], 0, values[i]);
      AddTo(&parts[1], 0, values[i + 1]);
      AddTo(&parts[2], 0, values[i + 2]);
      AddTo(&parts[3], 0, values[i + 3]);
    }
    for (; i < count; ++i) AddTo(&parts[0], 0, values[i]);
    for (const Row& part : parts) FoldInto(0, part);
  }

  void AddReplicated(const T* values, const uint32_t* ids, int64_t count) {
    Row* const r0 = replicas_.data();
    Row* const r1 = r0 + groups_;
    Row* const r2 = r1 + groups_;
    Row* const r3 = r2 + groups_;
    int64_t i = 0;
    for (; i + kReplicas <= count; i += kReplicas) {
      AddTo(r0 + ids[i], ids[i], values[i]);
      AddTo(r1 + ids[i + 1], ids[i + 1], values[i + 1]);
      AddTo(r2 + ids[i + 2], ids[i + 2], values[i + 2]);
      AddTo(r3 + ids[i + 3], ids[i + 3], values[i + 3]);
    }
    for (; i < count; ++i) AddTo(r0 + ids[i], ids[i], values[i]);
  }

  // The hot group's rows go round the replicas. Their place is computed rather than
  // branched to: a branch on a skewed id is mispredicted as often as the skew has
  // exceptions.
  void AddHot(const T* values, const uint32_t* ids, int64_t count) {
    const auto base = reinterpret_cast<uintptr_t>(rows());
    const auto spare = reinterpret_cast<uintptr_t>(replicas_.data());
    const uint32_t hot = hot_;
    // The rows of others lie anywhere.
    const bool prefetch = groups_ * static_cast<int64_t>(sizeof(Row)) > kPrefetchBytes;
    const int64_t ahead = prefetch ? count - kPrefetchAhead : 0;
    for (int64_t i = 0; i < count; ++i) {
      if (i < ahead) {
        __builtin_prefetch(
            reinterpret_cast<const void*>(base + ids[i + kPrefetchAhead] * sizeof(Row)),
            1);
      }
      const uintptr_t own = base + ids[i] * sizeof(Row);
      const uintptr_t replica = spare + (i & (kReplicas - 1)) * sizeof(Row);
      const uintptr_t is_hot = -static_cast<uintptr_t>(ids[i] == hot);
      AddTo(reinterpret_cast<Row*>(own ^ ((own ^ replica) & is_hot)), ids[i], values[i]);
    }
  }

  void AddPrefetched(const T* values, const uint32_t* ids, int64_t count) {
    Row* const base = rows();
    const int64_t ahead = std::max<int64_t>(0, count - kPrefetchAhead);
    int64_t i = 0;
    for (; i < ahead; ++i) {
      __builtin_prefetch(base + ids[i + kPrefetchAhead], 1);
      AddTo(base + ids[i], ids[i], values[i]);
    }
    for (; i < count; ++i) AddTo(base + ids[i], ids[i], values[i]);
  }

  // Blocks of 64 rows without NULL take the fast path.
  void AddWithNulls(const arrow::Array& array, const T* values, const uint32_t* ids,
                    int64_t count) {
    arrow::internal::BitBlockCounter blocks(array.null_bitmap_data(), array.offset(),
                                            count);
    for (int64_t at = 0; at < count;) {
      const auto block = blocks.NextWord();
      if (block.AllSet()) {
        AddRange(values + at, ids == nullptr ? nullptr : ids + at, block.length);
      } else {
        for (int64_t i = at; i < at + block.length; ++i) {
          const uint32_t group = ids == nullptr ? 0 : ids[i];
          if (array.IsNull(i)) {
            AddNulls(group, 1);
          } else {
            AddTo(rows() + group, group, values[i]);
          }
        }
      }
      at += block.length;
    }
  }

  // The fields of some groups, each as a column. The rows of a range are read once,
  // whatever the number of parts that are asked for one after the other.
  struct Columns {
    bool is_range = false;
    int64_t begin = 0;
    int64_t end = 0;
    ArrayPtr count, sum, min, max;  // sum: wrapped to 64 bits for integers
  };

  Status MakeColumns(const GroupSelection& chosen) {
    const int64_t groups = chosen.size();
    if (columns_ && columns_->is_range && chosen.is_range() &&
        columns_->begin == chosen.first() && columns_->end == chosen.first() + groups) {
      return Status::OK();
    }
    columns_.reset();
    using Sum = typename Row::Sum;
    std::shared_ptr<arrow::Buffer> counts, sums, mins, maxs;
    ARROW_ASSIGN_OR_RAISE(counts, Values<int64_t>(groups));
    auto* count_out = reinterpret_cast<int64_t*>(counts->mutable_data());
    [[maybe_unused]] Sum* sum_out = nullptr;
    [[maybe_unused]] T* min_out = nullptr;
    [[maybe_unused]] T* max_out = nullptr;
    if constexpr (kSums) {
      ARROW_ASSIGN_OR_RAISE(sums, Values<Sum>(groups));
      sum_out = reinterpret_cast<Sum*>(sums->mutable_data());
    }
    if constexpr (kMins) {
      ARROW_ASSIGN_OR_RAISE(mins, Values<T>(groups));
      min_out = reinterpret_cast<T*>(mins->mutable_data());
    }
    if constexpr (kMaxs) {
      ARROW_ASSIGN_OR_RAISE(maxs, Values<T>(groups));
      max_out = reinterpret_cast<T*>(maxs->mutable_data());
    }
    int64_t empty = 0;
    const Row* const base = groups > 0 ? rows() : nullptr;
    for (int64_t i = 0; i < groups; ++i) {
      const Row* const row = base + chosen[i];
      count_out[i] = row->count;
      empty += row->count == 0 ? 1 : 0;
      if constexpr (kSums) sum_out[i] = row->sum.value;
      if constexpr (kMins) min_out[i] = row->min.value;
      if constexpr (kMaxs) max_out[i] = row->max.value;
    }
    std::shared_ptr<arrow::Buffer> validity;
    if (empty > 0) {
      ARROW_ASSIGN_OR_RAISE(validity, arrow::AllocateEmptyBitmap(groups, pool_));
      for (int64_t i = 0; i < groups; ++i) {
        if (count_out[i] != 0) {
          arrow::bit_util::SetBit(validity->mutable_data(), i);
          continue;
        }
        // What lies under a NULL is no number that a group never saw.
        if constexpr (kSums) sum_out[i] = 0;
        if constexpr (kMins) min_out[i] = 0;
        if constexpr (kMaxs) max_out[i] = 0;
      }
    }
    columns_.emplace();
    columns_->is_range = chosen.is_range();
    columns_->begin = chosen.first();
    columns_->end = chosen.first() + groups;
    auto array = [&](const TypePtr& type, std::shared_ptr<arrow::Buffer> values) {
      return arrow::MakeArray(
          arrow::ArrayData::Make(type, groups, {validity, std::move(values)}, empty));
    };
    columns_->count = arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), groups, {nullptr, std::move(counts)}, 0));
    if constexpr (kSums) {
      columns_->sum = array(kFloat ? arrow::float64() : arrow::int64(), std::move(sums));
    }
    if constexpr (kMins) columns_->min = array(type_, std::move(mins));
    if constexpr (kMaxs) columns_->max = array(type_, std::move(maxs));
    return Status::OK();
  }

  template <typename Value>
  Result<std::shared_ptr<arrow::Buffer>> Values(int64_t count) {
    return arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(Value)), pool_);
  }

  Int128 ExactSum(int64_t group) {
    if constexpr (!kFloat && kSums) {
      Int128 sum = rows()[group].sum.value;
      if (!carries_.empty()) {
        const auto carry = carries_.find(static_cast<uint32_t>(group));
        if (carry != carries_.end()) sum += static_cast<Int128>(carry->second) << 64;
      }
      return sum;
    }
    return 0;
  }

  Result<ArrayPtr> RowCounts(const GroupSelection& chosen) {
    if (nulls_.empty()) return columns_->count;
    const int64_t groups = chosen.size();
    ARROW_ASSIGN_OR_RAISE(auto values, Values<int64_t>(groups));
    auto* out = reinterpret_cast<int64_t*>(values->mutable_data());
    const auto* counts = columns_->count->data()->template GetValues<int64_t>(1);
    for (int64_t i = 0; i < groups; ++i) {
      const auto group = static_cast<size_t>(chosen[i]);
      out[i] = counts[i] + (group < nulls_.size() ? nulls_[group] : 0);
    }
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), groups, {nullptr, std::move(values)}, 0));
  }

  Result<ArrayPtr> Sums() {
    if constexpr (!kFloat) {
      for (const auto& [group, carry] : carries_) {
        if (carry == 0 || group < columns_->begin || group >= columns_->end) continue;
        return errors::kNumericOverflow.Make(
            {}, "SUM of {} values exceeds BIGINT; cast them to DECIMAL(38, 0)",
            rows()[group].count);
      }
    }
    return columns_->sum;
  }

  Result<ArrayPtr> Averages() {
    const int64_t groups = columns_->end - columns_->begin;
    ARROW_ASSIGN_OR_RAISE(auto values, Values<double>(groups));
    auto* out = reinterpret_cast<double*>(values->mutable_data());
    const Row* row = groups > 0 ? rows() + columns_->begin : nullptr;
    for (int64_t i = 0; i < groups; ++i, ++row) {
      const double sum = kFloat || carries_.empty()
                             ? static_cast<double>(row->sum.value)
                             : static_cast<double>(ExactSum(columns_->begin + i));
      out[i] = row->count == 0 ? 0 : sum / static_cast<double>(row->count);
    }
    const arrow::ArrayData& like = *columns_->sum->data();
    return arrow::MakeArray(arrow::ArrayData::Make(
        arrow::float64(), groups, {like.buffers[0], std::move(values)}, like.null_count));
  }

  // Floats as they are, 0 for a group without values; integers exact.
  Result<ArrayPtr> SumState(const GroupSelection& chosen) {
    const int64_t groups = chosen.size();
    if constexpr (kFloat) {
      auto data = columns_->sum->data()->Copy();
      data->buffers[0] = nullptr;
      data->null_count = 0;
      return arrow::MakeArray(std::move(data));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto values, Values<Int128>(groups));
      auto* out = reinterpret_cast<Int128*>(values->mutable_data());
      for (int64_t i = 0; i < groups; ++i) {
        out[i] =
            carries_.empty() ? Int128{rows()[chosen[i]].sum.value} : ExactSum(chosen[i]);
      }
      return arrow::MakeArray(arrow::ArrayData::Make(SumStateType(false), groups,
                                                     {nullptr, std::move(values)}, 0));
    }
  }

  static Status NotWanted() {
    return errors::kInternal.Make({}, "a statistic was asked for that was not declared");
  }

  const TypePtr type_;
  const Parts parts_;
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::ResizableBuffer> buffer_;
  int64_t groups_ = 0;
  int64_t capacity_ = 0;
  std::optional<Columns> columns_;  ///< made last; gone when a row changes
  std::vector<Row> replicas_;  ///< of one Update: kReplicas × groups, or × the hot group
  bool replicated_ = false;
  uint32_t hot_ = kNoHotGroup;
  std::vector<int64_t> nulls_;  ///< rows without a value by group, for kRows; often empty
  /// How often a group's 64-bit sum went round, upwards positive. Hardly ever filled.
  std::unordered_map<uint32_t, int64_t> carries_;
};

template <typename T>
std::unique_ptr<StatsAccumulator> MakeFor(const TypePtr& type, Parts parts,
                                          arrow::MemoryPool* pool) {
  const bool sum = Has(parts, Part::kSum) || Has(parts, Part::kAvg);
  const bool min = Has(parts, Part::kMin);
  const bool max = Has(parts, Part::kMax);
  auto make =
      [&]<bool kSum, bool kMin, bool kMax>() -> std::unique_ptr<StatsAccumulator> {
    return std::make_unique<PackedStats<StatsRow<T, kSum, kMin, kMax>>>(type, parts,
                                                                        pool);
  };
  switch ((sum ? 4 : 0) | (min ? 2 : 0) | (max ? 1 : 0)) {
    case 0: return make.template operator()<false, false, false>();
    case 1: return make.template operator()<false, false, true>();
    case 2: return make.template operator()<false, true, false>();
    case 3: return make.template operator()<false, true, true>();
    case 4: return make.template operator()<true, false, false>();
    case 5: return make.template operator()<true, false, true>();
    case 6: return make.template operator()<true, true, false>();
    default: return make.template operator()<true, true, true>();
  }
}

}  // namespace

bool StatsAccumulator::Supports(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32:
    case Type::INT64:
    case Type::TIMESTAMP:
    case Type::TIME64:
    case Type::DATE64:
    case Type::DURATION:
    case Type::DOUBLE:
    case Type::FLOAT: return true;
    default: return false;
  }
}

Result<std::unique_ptr<StatsAccumulator>> StatsAccumulator::Make(
    const TypePtr& type, Parts parts, arrow::MemoryPool* pool) {
  switch (type->id()) {
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32: return MakeFor<int32_t>(type, parts, pool);
    case Type::INT64:
    case Type::TIMESTAMP:
    case Type::DATE64:
    case Type::DURATION:
    case Type::TIME64: return MakeFor<int64_t>(type, parts, pool);
    case Type::DOUBLE: return MakeFor<double>(type, parts, pool);
    case Type::FLOAT: return MakeFor<float>(type, parts, pool);
    default: return errors::kInternal.Make({}, "statistics over {}", type->ToString());
  }
}

}  // namespace millrace::functions
