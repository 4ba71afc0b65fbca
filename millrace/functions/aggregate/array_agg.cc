// ARRAY_AGG: the values of a group as an array.
#include <algorithm>
#include <string>

#include "millrace/functions/aggregate/by_key_internal.h"
#include "millrace/functions/aggregate/group_log_internal.h"
#include "millrace/functions/aggregate/order_keys_internal.h"

namespace millrace::functions {

namespace {

// By arrival; with `directions` in an order of its own, for which the keys are kept, too.
class ArrayAggregate final : public Accumulator {
 public:
  ArrayAggregate(const TypePtr& type, std::string directions, arrow::MemoryPool* pool)
      : directions_(std::move(directions)), pool_(pool), values_(type, pool) {}
  Status Resize(int64_t groups) override {
    values_.Resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr values,
                          ArgumentArray(arguments[0], rows, pool_));
    ARROW_RETURN_NOT_OK(values_.Append(*values, 0, ids, rows));
    if (directions_.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(
        OrderKeys keys, OrderKeys::Make(directions_, arguments, kFirstKey, rows, pool_));
    for (int64_t i = 0; i < rows; ++i) AddKey(keys.At(i));
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& lists = static_cast<const arrow::ListArray&>(*state[0]);
    groups_.clear();
    for (int64_t i = 0; i < rows; ++i) {
      groups_.insert(groups_.end(), lists.value_length(i), GroupOf(ids, i));
    }
    const auto count = static_cast<int64_t>(groups_.size());
    const int64_t begin = rows == 0 ? 0 : lists.value_offset(0);
    ARROW_RETURN_NOT_OK(values_.Append(*lists.values(), begin, groups_.data(), count));
    if (directions_.empty()) return Status::OK();
    const auto& key_lists = static_cast<const arrow::ListArray&>(*state[1]);
    const auto& keys = static_cast<const arrow::BinaryArray&>(*key_lists.values());
    const int64_t first_key = rows == 0 ? 0 : key_lists.value_offset(0);
    for (int64_t i = 0; i < count; ++i) AddKey(keys.GetView(first_key + i));
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<uint32_t> places;
    const std::vector<int64_t> ends = Places(groups, false, &places);
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr values, values_.Take(places));
    std::vector<ArrayPtr> out(1);
    ARROW_ASSIGN_OR_RAISE(out[0], ListsOf(values, ends, false, pool_));
    if (directions_.empty()) return out;
    arrow::BinaryBuilder keys(pool_);
    for (const uint32_t place : places) ARROW_RETURN_NOT_OK(keys.Append(KeyAt(place)));
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr key_column, keys.Finish());
    ARROW_ASSIGN_OR_RAISE(ArrayPtr key_lists, ListsOf(key_column, ends, false, pool_));
    out.push_back(std::move(key_lists));
    return out;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    std::vector<uint32_t> places;
    const std::vector<int64_t> ends =
        Places(GroupSelection(begin, end), !directions_.empty(), &places);
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr values, values_.Take(places));
    return ListsOf(values, ends, true, pool_);
  }
  void Clear() override {
    values_.Clear();
    keys_.clear();
    key_ends_.clear();
  }
  int64_t extra_bytes() const override {
    return values_.extra_bytes() +
           static_cast<int64_t>(keys_.capacity() + key_ends_.capacity() * sizeof(size_t));
  }

 private:
  static constexpr size_t kFirstKey = 2;

  void AddKey(std::string_view key) {
    keys_.append(key);
    key_ends_.push_back(keys_.size());
  }
  std::string_view KeyAt(uint32_t place) const {
    const size_t begin = place == 0 ? 0 : key_ends_[place - 1];
    return std::string_view(keys_).substr(begin, key_ends_[place] - begin);
  }
  // The places of all groups, and where each one's end.
  std::vector<int64_t> Places(const GroupSelection& groups, bool sorted,
                              std::vector<uint32_t>* places) const {
    std::vector<int64_t> ends;
    for (int64_t i = 0; i < groups.size(); ++i) {
      const auto begin = static_cast<std::ptrdiff_t>(places->size());
      values_.PlacesOf(groups[i], places);
      if (sorted) {
        std::stable_sort(places->begin() + begin, places->end(),
                         [this](uint32_t a, uint32_t b) { return KeyAt(a) < KeyAt(b); });
      }
      ends.push_back(static_cast<int64_t>(places->size()));
    }
    return ends;
  }

  const std::string directions_;
  arrow::MemoryPool* const pool_;
  GroupLog values_;
  std::string keys_;
  std::vector<size_t> key_ends_;
  std::vector<uint32_t> groups_;
};

std::shared_ptr<const AggregateFunction> OrderedArrayForm(expr::FunctionDoc doc) {
  return std::make_shared<const AggregateFunction>(AggregateFunction{
      .doc = std::move(doc),
      .distinct_keeps_nulls = true,
      .bind = [](const Types& types,
                 const Literals& literals) -> Result<AggregateBinding> {
        if (types.size() < 3) return BadArguments("array_agg", types);
        ARROW_RETURN_NOT_OK(OrderDirections("array_agg", types, literals, 1).status());
        ARROW_ASSIGN_OR_RAISE(const Types keys, OrderKeyTypes("array_agg", types, 2));
        const TypePtr value = KeptType(types[0]);
        AggregateBinding out{{value, arrow::utf8()},
                             arrow::list(value),
                             {arrow::list(value), arrow::list(arrow::binary())}};
        out.argument_types.insert(out.argument_types.end(), keys.begin(), keys.end());
        return out;
      },
      .make = [](const AggregateBinding& binding, const Literals& literals,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<ArrayAggregate>(binding.argument_types[0],
                                                literals[1]->ToString(), pool);
      }});
}

}  // namespace

Status RegisterArrayAggregates(FunctionRegistry& registry) {
  const expr::FunctionDoc doc{"array_agg",
                              {"list"},
                              "aggregate",
                              "array_agg(x [ORDER BY y]) → array",
                              "The values as an array, NULLs included, by arrival or in "
                              "the order given; NULL for "
                              "no row.",
                              "array_agg(x)",
                              "[1, 2, 3]"};
  return registry.Add(AggregateFunction{
      .doc = doc,
      .ordered = OrderedArrayForm(doc),
      .ordered_arguments = 1,
      .distinct_keeps_nulls = true,
      .bind = [](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.size() != 1) return BadArguments("array_agg", types);
        const TypePtr value = KeptType(types[0]);
        return AggregateBinding{{value}, arrow::list(value), {arrow::list(value)}};
      },
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<ArrayAggregate>(binding.argument_types[0], "", pool);
      }});
}

}  // namespace millrace::functions
