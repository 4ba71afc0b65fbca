// Aggregates that keep values: MIN and MAX of text, FIRST, LAST, ANY_VALUE, DELTA.
#include <cstring>

#include <arrow/type_traits.h>
#include <arrow/util/decimal.h>

#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/by_key_internal.h"
#include "millrace/functions/aggregate/group_values_internal.h"
#include "millrace/functions/aggregate/register_internal.h"
#include "millrace/functions/scalar/intervals_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;

bool LessText(std::string_view a, std::string_view b) { return a < b; }
bool LessBool(std::string_view a, std::string_view b) { return a[0] < b[0]; }
bool LessDecimal(std::string_view a, std::string_view b) {
  return expr::LoadInt128(reinterpret_cast<const uint8_t*>(a.data())) <
         expr::LoadInt128(reinterpret_cast<const uint8_t*>(b.data()));
}
bool LessDecimal256(std::string_view a, std::string_view b) {
  return arrow::Decimal256(reinterpret_cast<const uint8_t*>(a.data())) <
         arrow::Decimal256(reinterpret_cast<const uint8_t*>(b.data()));
}
bool LessInterval(std::string_view a, std::string_view b) {
  MonthDayNanos left, right;
  std::memcpy(&left, a.data(), sizeof(left));
  std::memcpy(&right, b.data(), sizeof(right));
  return LengthOf(left) < LengthOf(right);
}
using Less = bool (*)(std::string_view, std::string_view);

// Compares where the value lies; copies only when the extreme changes.
class Extreme final : public Accumulator {
 public:
  Extreme(const TypePtr& type, bool max, Less less, arrow::MemoryPool* pool)
      : values_(type, pool), max_(max), less_(less), pool_(pool) {}
  Status Resize(int64_t groups) override {
    values_.Resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    const ValueBytes bytes(*array);
    for (int64_t i = 0; i < rows; ++i) {
      if (bytes.IsNull(i)) continue;
      const uint32_t group = GroupOf(ids, i);
      const std::string_view value = bytes[i];
      if (values_.HasValue(group)) {
        const std::string_view best = values_.Get(group);
        if (!(max_ ? less_(best, value) : less_(value, best))) continue;
      }
      values_.Set(group, value);
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return Update({arrow::Datum(state[0])}, ids, rows);
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr values, values_.Build(groups));
    return std::vector<ArrayPtr>{std::move(values)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return values_.Build(GroupSelection(begin, end));
  }
  void Clear() override { values_.Clear(); }
  int64_t extra_bytes() const override { return values_.extra_bytes(); }

 private:
  GroupValues values_;
  const bool max_;
  const Less less_;
  arrow::MemoryPool* const pool_;
};

enum class Keep { kFirst, kLast, kAny };

// By arrival. FIRST and LAST take NULLs as they come, ANY_VALUE looks for a value.
class Arrival final : public Accumulator {
 public:
  Arrival(const TypePtr& type, Keep keep, arrow::MemoryPool* pool)
      : values_(type, pool), keep_(keep), pool_(pool) {}
  Status Resize(int64_t groups) override {
    values_.Resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    return Take(*array, nullptr, ids, rows);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return Take(*state[1], static_cast<const arrow::BooleanArray*>(state[0].get()), ids,
                rows);
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr is_set, values_.BuildIsSet(groups));
    ARROW_ASSIGN_OR_RAISE(ArrayPtr values, values_.Build(groups));
    return std::vector<ArrayPtr>{std::move(is_set), std::move(values)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return values_.Build(GroupSelection(begin, end));
  }
  void Clear() override { values_.Clear(); }
  int64_t extra_bytes() const override { return values_.extra_bytes(); }

 private:
  // `present` null: every row counts.
  Status Take(const arrow::Array& array, const arrow::BooleanArray* present,
              const uint32_t* ids, int64_t rows) {
    const ValueBytes bytes(array);
    for (int64_t i = 0; i < rows; ++i) {
      if (present != nullptr && !present->Value(i)) continue;
      const uint32_t group = GroupOf(ids, i);
      if (keep_ == Keep::kFirst && values_.IsSet(group)) continue;
      if (keep_ == Keep::kAny && (values_.HasValue(group) || bytes.IsNull(i))) continue;
      if (bytes.IsNull(i)) {
        values_.SetNull(group);
      } else {
        values_.Set(group, bytes[i]);
      }
    }
    return Status::OK();
  }

  GroupValues values_;
  const Keep keep_;
  arrow::MemoryPool* const pool_;
};

// Last value minus first value, both not NULL, by arrival.
template <typename T>
class Delta final : public Accumulator {
 public:
  explicit Delta(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    return Add(*array, *array, ids, rows);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return Add(*state[0], *state[1], ids, rows);
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr first, Build(groups, [](const Row& row, T* out) {
                            *out = row.first;
                            return true;
                          }));
    ARROW_ASSIGN_OR_RAISE(ArrayPtr last, Build(groups, [](const Row& row, T* out) {
                            *out = row.last;
                            return true;
                          }));
    return std::vector<ArrayPtr>{std::move(first), std::move(last)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return Build(GroupSelection(begin, end), [](const Row& row, T* out) {
      if constexpr (std::is_floating_point_v<T>) {
        *out = row.last - row.first;
        return true;
      } else {
        return !__builtin_sub_overflow(row.last, row.first, out);
      }
    });
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  struct Row {
    T first{}, last{};
    bool any = false;
  };
  Status Add(const arrow::Array& firsts, const arrow::Array& lasts, const uint32_t* ids,
             int64_t rows) {
    const T* first = firsts.data()->GetValues<T>(1);
    const T* last = lasts.data()->GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      if (firsts.IsNull(i)) continue;
      Row& row = rows_[GroupOf(ids, i)];
      if (!row.any) row.first = first[i];
      row.last = last[i];
      row.any = true;
    }
    return Status::OK();
  }
  template <typename Get>
  Result<ArrayPtr> Build(const GroupSelection& groups, const Get& get) {
    typename arrow::CTypeTraits<T>::BuilderType builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
    for (int64_t i = 0; i < groups.size(); ++i) {
      const Row& row = rows_[groups[i]];
      T out{};
      if (!row.any) {
        builder.UnsafeAppendNull();
      } else if (get(row, &out)) {
        builder.UnsafeAppend(out);
      } else {
        return errors::kNumericOverflow.Make({}, "DELTA from {} to {}", row.first,
                                             row.last);
      }
    }
    return builder.Finish();
  }

  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

Status AddArrival(FunctionRegistry& registry, expr::FunctionDoc doc, Keep keep) {
  const std::string name = doc.name;
  const KeyedRows rows{.last = keep == Keep::kLast,
                       .skip_null_values = keep == Keep::kAny};
  // Rows without an event time come after all others that FIRST or LAST could choose.
  const char* by_time = keep == Keep::kFirst ? "a" : keep == Keep::kLast ? "A" : "";
  auto ordered = KeyedForm(doc, rows);
  return registry.Add(AggregateFunction{
      .doc = std::move(doc),
      .ordered = std::move(ordered),
      .ordered_arguments = 1,
      .by_event_time = by_time,
      .bind = [name](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.size() != 1) return BadArguments(name, types);
        const TypePtr type = KeptType(types[0]);
        if (!GroupValues::Supports(*type)) return BadArguments(name, types);
        return AggregateBinding{{type}, type, {arrow::boolean(), type}};
      },
      .make = [keep](const AggregateBinding& binding, const Literals&,
                     arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<Arrival>(binding.result, keep, pool);
      }});
}

}  // namespace

TypePtr DeltaType(const TypePtr& type) {
  const TypePtr wide = Widened(type);
  if (arrow::is_integer(wide->id())) return arrow::int64();
  const bool number = arrow::is_floating(wide->id()) || wide->id() == Type::DECIMAL128;
  return number ? arrow::float64() : nullptr;
}

std::unique_ptr<Accumulator> MakeExtreme(const TypePtr& type, bool max,
                                         arrow::MemoryPool* pool) {
  Less less = LessText;
  if (type->id() == Type::BOOL) less = LessBool;
  if (type->id() == Type::DECIMAL128) less = LessDecimal;
  if (type->id() == Type::DECIMAL256) less = LessDecimal256;
  if (type->id() == Type::INTERVAL_MONTH_DAY_NANO) less = LessInterval;
  return std::make_unique<Extreme>(type, max, less, pool);
}

Status RegisterOrderedAggregates(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(AddArrival(registry,
                                 {"first",
                                  {"first_value"},
                                  "aggregate",
                                  "first(x [ORDER BY y]) → type of x",
                                  "Value of the first row, NULL included: by event time "
                                  "where the input has a watermark, else by arrival, or "
                                  "in the order given.",
                                  "first(x)",
                                  "1"},
                                 Keep::kFirst));
  ARROW_RETURN_NOT_OK(AddArrival(registry,
                                 {"last",
                                  {"last_value"},
                                  "aggregate",
                                  "last(x [ORDER BY y]) → type of x",
                                  "Value of the last row, NULL included: by event time "
                                  "where the input has a watermark, else by arrival, or "
                                  "in the order given.",
                                  "last(x)",
                                  "3"},
                                 Keep::kLast));
  ARROW_RETURN_NOT_OK(AddArrival(registry,
                                 {"any_value",
                                  {"arbitrary"},
                                  "aggregate",
                                  "any_value(x [ORDER BY y]) → type of x",
                                  "The first value that is not NULL; NULL for none.",
                                  "any_value(x)",
                                  "1"},
                                 Keep::kAny));
  const expr::FunctionDoc delta{
      "delta",
      {},
      "aggregate",
      "delta(x [ORDER BY y]) → bigint or double",
      "Last value minus first value, NULLs passed over, by event time where the input "
      "has "
      "a watermark, else by arrival, or in the order given; NULL for none. DECIMALs are "
      "computed as DOUBLE.",
      "delta(x)",
      "2"};
  return registry.Add(AggregateFunction{
      .doc = delta,
      .ordered = KeyedDelta(delta),
      .ordered_arguments = 1,
      .by_event_time = "a",
      .bind = [](const Types& types, const Literals&) -> Result<AggregateBinding> {
        const TypePtr type = types.size() == 1 ? DeltaType(types[0]) : nullptr;
        if (type == nullptr) return BadArguments("delta", types);
        return AggregateBinding{{type}, type, {type, type}};
      },
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        if (binding.result->id() == Type::INT64) {
          return std::make_unique<Delta<int64_t>>(pool);
        }
        return std::make_unique<Delta<double>>(pool);
      }});
}

}  // namespace millrace::functions
