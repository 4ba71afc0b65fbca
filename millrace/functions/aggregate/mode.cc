// MODE: the most frequent value.
#include <algorithm>
#include <string>

#include "millrace/functions/aggregate/by_key_internal.h"
#include "millrace/functions/aggregate/byte_set_internal.h"
#include "millrace/functions/aggregate/group_log_internal.h"
#include "millrace/functions/aggregate/group_values_internal.h"

namespace millrace::functions {

namespace {

// Every distinct value of a group once, with how often it came.
class Mode final : public Accumulator {
 public:
  Mode(const TypePtr& type, arrow::MemoryPool* pool) : pool_(pool), values_(type, pool) {}
  Status Resize(int64_t groups) override {
    values_.Resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    const ValueBytes bytes(*array);
    for (int64_t i = 0; i < rows; ++i) {
      if (!bytes.IsNull(i)) {
        ARROW_RETURN_NOT_OK(Add(*array, bytes, i, GroupOf(ids, i), 1));
      }
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& lists = static_cast<const arrow::ListArray&>(*state[0]);
    const auto& count_lists = static_cast<const arrow::ListArray&>(*state[1]);
    const auto& counts = static_cast<const arrow::Int64Array&>(*count_lists.values());
    const ValueBytes bytes(*lists.values());
    for (int64_t i = 0; i < rows; ++i) {
      int64_t count = count_lists.value_offset(i);
      for (int64_t k = lists.value_offset(i); k < lists.value_offset(i + 1); ++k) {
        ARROW_RETURN_NOT_OK(
            Add(*lists.values(), bytes, k, GroupOf(ids, i), counts.Value(count++)));
      }
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<uint32_t> places;
    std::vector<int64_t> ends;
    for (int64_t i = 0; i < groups.size(); ++i) {
      values_.PlacesOf(groups[i], &places);
      ends.push_back(static_cast<int64_t>(places.size()));
    }
    arrow::Int64Builder counts(pool_);
    ARROW_RETURN_NOT_OK(counts.Reserve(static_cast<int64_t>(places.size())));
    for (const uint32_t place : places) counts.UnsafeAppend(counts_[place]);
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr count_column, counts.Finish());
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr values, values_.Take(places));
    std::vector<ArrayPtr> out(2);
    ARROW_ASSIGN_OR_RAISE(out[0], ListsOf(values, ends, false, pool_));
    ARROW_ASSIGN_OR_RAISE(out[1], ListsOf(count_column, ends, false, pool_));
    return out;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    std::vector<uint32_t> places, chosen;
    for (int64_t group = begin; group < end; ++group) {
      places.clear();
      values_.PlacesOf(group, &places);
      // The first of the most frequent.
      const auto best = std::max_element(
          places.begin(), places.end(),
          [this](uint32_t a, uint32_t b) { return counts_[a] < counts_[b]; });
      chosen.push_back(best == places.end() ? GroupLog::kNone : *best);
    }
    return values_.Take(chosen);
  }
  void Clear() override {
    known_.Clear();
    values_.Clear();
    counts_.clear();
  }
  int64_t extra_bytes() const override {
    return known_.bytes() + values_.extra_bytes() +
           static_cast<int64_t>(counts_.capacity() * sizeof(int64_t));
  }

 private:
  Status Add(const arrow::Array& array, const ValueBytes& bytes, int64_t row,
             uint32_t group, int64_t count) {
    key_.assign(reinterpret_cast<const char*>(&group), sizeof(group));
    AppendCanonical(array.type_id(), bytes[row], &key_);
    const auto [number, added] = known_.Insert(key_);
    if (!added) {
      counts_[number] += count;
      return Status::OK();
    }
    counts_.push_back(count);
    return values_.Append(array, row, &group, 1);
  }
  arrow::MemoryPool* const pool_;
  ByteSet known_;  ///< group and value; its numbers are the places of values_
  GroupLog values_;
  std::vector<int64_t> counts_;
  std::string key_;
};

}  // namespace

Status RegisterMode(FunctionRegistry& registry) {
  return registry.Add(AggregateFunction{
      .doc =
          {"mode",
           {},
           "aggregate",
           "mode(x) → type of x",
           "The most frequent value, of several the one that came first; NULL for none. "
           "Keeps every distinct value.",
           "mode(x)",
           "1"},
      .bind = [](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.size() != 1 || !GroupValues::Supports(*KeptType(types[0]))) {
          return BadArguments("mode", types);
        }
        const TypePtr type = KeptType(types[0]);
        return AggregateBinding{
            {type}, type, {arrow::list(type), arrow::list(arrow::int64())}};
      },
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<Mode>(binding.result, pool);
      }});
}

}  // namespace millrace::functions
