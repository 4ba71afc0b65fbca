// The value of the row with the least or greatest key: FIRST, LAST and ANY_VALUE with
// ORDER BY, MIN_BY, MAX_BY; DELTA with ORDER BY.
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/by_key_internal.h"
#include "millrace/functions/aggregate/group_values_internal.h"
#include "millrace/functions/aggregate/order_keys_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;

// Of rows with equal keys the one that came first counts, where `last` the one that came
// last.
class ByKey final : public Accumulator {
 public:
  struct Settings {
    std::string directions;
    size_t first_key;
    KeyedRows rows;
  };
  ByKey(const TypePtr& type, Settings settings, arrow::MemoryPool* pool)
      : settings_(std::move(settings)),
        pool_(pool),
        keys_(arrow::binary(), pool),
        values_(type, pool) {}
  Status Resize(int64_t groups) override {
    keys_.Resize(groups);
    values_.Resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    ARROW_ASSIGN_OR_RAISE(OrderKeys keys,
                          OrderKeys::Make(settings_.directions, arguments,
                                          settings_.first_key, rows, pool_));
    const ValueBytes values(*array);
    for (int64_t i = 0; i < rows; ++i) {
      if (settings_.rows.skip_null_values && values.IsNull(i)) continue;
      if (settings_.rows.skip_null_keys && keys.HasNull(i)) continue;
      Offer(GroupOf(ids, i), keys.At(i), values, i);
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& keys = static_cast<const arrow::BinaryArray&>(*state[0]);
    const ValueBytes values(*state[1]);
    for (int64_t i = 0; i < rows; ++i) {
      if (keys.IsValid(i)) Offer(GroupOf(ids, i), keys.GetView(i), values, i);
    }
    return Status::OK();
  }
  // A group without rows has no key.
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr keys, keys_.Build(groups));
    ARROW_ASSIGN_OR_RAISE(ArrayPtr values, values_.Build(groups));
    return std::vector<ArrayPtr>{std::move(keys), std::move(values)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return values_.Build(GroupSelection(begin, end));
  }
  void Clear() override {
    keys_.Clear();
    values_.Clear();
  }
  int64_t extra_bytes() const override {
    return keys_.extra_bytes() + values_.extra_bytes();
  }

 private:
  void Offer(uint32_t group, std::string_view key, const ValueBytes& values,
             int64_t row) {
    if (keys_.HasValue(group)) {
      const int order = key.compare(keys_.Get(group));
      if (settings_.rows.last ? order < 0 : order >= 0) return;
    }
    keys_.Set(group, key);
    if (values.IsNull(row)) {
      values_.SetNull(group);
    } else {
      values_.Set(group, values[row]);
    }
  }

  const Settings settings_;
  arrow::MemoryPool* const pool_;
  GroupValues keys_, values_;
};

// Value of the last row minus that of the first; those with a NULL are passed over.
template <typename T>
class DeltaByKey final : public Accumulator {
 public:
  DeltaByKey(std::string directions, arrow::MemoryPool* pool)
      : directions_(std::move(directions)),
        pool_(pool),
        first_keys_(arrow::binary(), pool),
        last_keys_(arrow::binary(), pool) {}
  Status Resize(int64_t groups) override {
    first_keys_.Resize(groups);
    last_keys_.Resize(groups);
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    ARROW_ASSIGN_OR_RAISE(
        OrderKeys keys, OrderKeys::Make(directions_, arguments, kFirstKey, rows, pool_));
    const T* values = array->data()->template GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      if (array->IsNull(i) || keys.HasNull(i)) continue;
      const uint32_t group = GroupOf(ids, i);
      const std::string_view key = keys.At(i);
      OfferFirst(group, key, values[i]);
      OfferLast(group, key, values[i]);
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& first_keys = static_cast<const arrow::BinaryArray&>(*state[0]);
    const auto& last_keys = static_cast<const arrow::BinaryArray&>(*state[2]);
    const T* firsts = state[1]->data()->template GetValues<T>(1);
    const T* lasts = state[3]->data()->template GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      if (first_keys.IsNull(i)) continue;
      OfferFirst(GroupOf(ids, i), first_keys.GetView(i), firsts[i]);
      OfferLast(GroupOf(ids, i), last_keys.GetView(i), lasts[i]);
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<ArrayPtr> out(4);
    ARROW_ASSIGN_OR_RAISE(out[0], first_keys_.Build(groups));
    ARROW_ASSIGN_OR_RAISE(out[1], Build(groups, [](const Row& row, T* value) {
                            *value = row.first;
                            return true;
                          }));
    ARROW_ASSIGN_OR_RAISE(out[2], last_keys_.Build(groups));
    ARROW_ASSIGN_OR_RAISE(out[3], Build(groups, [](const Row& row, T* value) {
                            *value = row.last;
                            return true;
                          }));
    return out;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return Build(GroupSelection(begin, end), [](const Row& row, T* value) {
      if constexpr (std::is_floating_point_v<T>) {
        *value = row.last - row.first;
        return true;
      } else {
        return !__builtin_sub_overflow(row.last, row.first, value);
      }
    });
  }
  void Clear() override {
    first_keys_.Clear();
    last_keys_.Clear();
    rows_.clear();
  }
  int64_t extra_bytes() const override {
    return first_keys_.extra_bytes() + last_keys_.extra_bytes() +
           static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  static constexpr size_t kFirstKey = 2;
  struct Row {
    T first{}, last{};
  };

  void OfferFirst(uint32_t group, std::string_view key, T value) {
    if (first_keys_.HasValue(group) && key >= first_keys_.Get(group)) return;
    first_keys_.Set(group, key);
    rows_[group].first = value;
  }
  void OfferLast(uint32_t group, std::string_view key, T value) {
    if (last_keys_.HasValue(group) && key < last_keys_.Get(group)) return;
    last_keys_.Set(group, key);
    rows_[group].last = value;
  }
  template <typename Get>
  Result<ArrayPtr> Build(const GroupSelection& groups, const Get& get) {
    typename arrow::CTypeTraits<T>::BuilderType builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
    for (int64_t i = 0; i < groups.size(); ++i) {
      const auto group = static_cast<uint32_t>(groups[i]);
      T out{};
      if (!first_keys_.HasValue(group)) {
        builder.UnsafeAppendNull();
      } else if (get(rows_[group], &out)) {
        builder.UnsafeAppend(out);
      } else {
        return errors::kNumericOverflow.Make({}, "DELTA from {} to {}",
                                             rows_[group].first, rows_[group].last);
      }
    }
    return builder.Finish();
  }

  const std::string directions_;
  arrow::MemoryPool* const pool_;
  GroupValues first_keys_, last_keys_;
  std::vector<Row> rows_;
};

// (x, directions, keys …)
Result<AggregateBinding> BindOrdered(const std::string& name, const Types& types,
                                     const Literals& literals, TypePtr value) {
  ARROW_RETURN_NOT_OK(OrderDirections(name, types, literals, 1).status());
  ARROW_ASSIGN_OR_RAISE(const Types keys, OrderKeyTypes(name, types, 2));
  AggregateBinding out{{value, arrow::utf8()}, value, {arrow::binary(), value}};
  out.argument_types.insert(out.argument_types.end(), keys.begin(), keys.end());
  return out;
}

Status AddExtremeBy(FunctionRegistry& registry, expr::FunctionDoc doc, bool max) {
  const std::string name = doc.name;
  return registry.Add(AggregateFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.size() != 2) return BadArguments(name, types);
        const TypePtr value = KeptType(types[0]);
        if (!GroupValues::Supports(*value)) return BadArguments(name, types);
        ARROW_ASSIGN_OR_RAISE(const Types keys, OrderKeyTypes(name, types, 1));
        return AggregateBinding{{value, keys[0]}, value, {arrow::binary(), value}};
      },
      .make = [max](const AggregateBinding& binding, const Literals&,
                    arrow::MemoryPool* pool) -> AccumulatorResult {
        const KeyedRows rows{.skip_null_values = true, .skip_null_keys = true};
        return std::make_unique<ByKey>(binding.result,
                                       ByKey::Settings{max ? "d" : "a", 1, rows}, pool);
      }});
}

}  // namespace

TypePtr KeptType(const TypePtr& type) {
  const bool plain = type->id() != Type::NA && type->id() != Type::DICTIONARY;
  return plain ? type : Widened(type);
}

std::shared_ptr<const AggregateFunction> KeyedForm(expr::FunctionDoc doc,
                                                   KeyedRows rows) {
  const std::string name = doc.name;
  return std::make_shared<const AggregateFunction>(AggregateFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types,
                     const Literals& literals) -> Result<AggregateBinding> {
        if (types.size() < 3 || !GroupValues::Supports(*KeptType(types[0]))) {
          return BadArguments(name, types);
        }
        return BindOrdered(name, types, literals, KeptType(types[0]));
      },
      .make = [rows](const AggregateBinding& binding, const Literals& literals,
                     arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<ByKey>(
            binding.result, ByKey::Settings{literals[1]->ToString(), 2, rows}, pool);
      }});
}

std::shared_ptr<const AggregateFunction> KeyedDelta(expr::FunctionDoc doc) {
  return std::make_shared<const AggregateFunction>(AggregateFunction{
      .doc = std::move(doc),
      .bind = [](const Types& types,
                 const Literals& literals) -> Result<AggregateBinding> {
        const TypePtr value = types.size() < 3 ? nullptr : DeltaType(types[0]);
        if (value == nullptr) return BadArguments("delta", types);
        ARROW_ASSIGN_OR_RAISE(AggregateBinding out,
                              BindOrdered("delta", types, literals, value));
        out.state = {arrow::binary(), value, arrow::binary(), value};
        return out;
      },
      .make = [](const AggregateBinding& binding, const Literals& literals,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        const std::string directions = literals[1]->ToString();
        if (binding.result->id() == Type::INT64) {
          return std::make_unique<DeltaByKey<int64_t>>(directions, pool);
        }
        return std::make_unique<DeltaByKey<double>>(directions, pool);
      }});
}

Status RegisterByKey(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(
      AddExtremeBy(registry,
                   {"min_by",
                    {"arg_min", "argmin"},
                    "aggregate",
                    "min_by(x, y) → type of x",
                    "The x of the row with the smallest y, of several the one that came "
                    "first. Rows where x or y is NULL are passed over; NULL for none.",
                    "min_by(y, x)",
                    "2"},
                   false));
  return AddExtremeBy(
      registry,
      {"max_by",
       {"arg_max", "argmax"},
       "aggregate",
       "max_by(x, y) → type of x",
       "The x of the row with the largest y, of several the one that came "
       "first. Rows where x or y is NULL are passed over; NULL for none.",
       "max_by(y, x)",
       "6"},
      true);
}

}  // namespace millrace::functions
