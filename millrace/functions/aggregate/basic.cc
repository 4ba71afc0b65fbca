// COUNT, SUM, AVG, MIN, MAX, BOOL_AND, BOOL_OR.
#include <arrow/type_traits.h>
#include <arrow/util/decimal.h>

#include "millrace/data/dictionary.h"
#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/register_internal.h"
#include "millrace/functions/aggregate/stats_accumulator.h"

namespace millrace::functions {

using arrow::Type;
using expr::Int128;

Result<ArrayPtr> ArgumentArray(const arrow::Datum& argument, int64_t rows,
                               arrow::MemoryPool* pool) {
  if (argument.is_scalar()) {
    return arrow::MakeArrayFromScalar(*argument.scalar(), rows, pool);
  }
  return data::Decoded(argument.make_array(), pool);
}

TypePtr Widened(const TypePtr& type) {
  switch (type->id()) {
    case Type::NA:
    case Type::INT8:
    case Type::INT16:
    case Type::UINT8:
    case Type::UINT16: return arrow::int32();
    case Type::UINT32: return arrow::int64();
    case Type::UINT64: return arrow::decimal128(20, 0);
    case Type::DICTIONARY:
      return static_cast<const arrow::DictionaryType&>(*type).value_type();
    default: return type;
  }
}

namespace {

// One part of a StatsAccumulator as a function of its own.
class OneStat final : public Accumulator {
 public:
  OneStat(std::unique_ptr<StatsAccumulator> stats, Part part)
      : stats_(std::move(stats)), part_(part) {}
  Status Resize(int64_t groups) override { return stats_->Resize(groups); }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return stats_->Update(arguments[0], ids, rows);
  }
  Status Retract(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return stats_->Retract(arguments[0], ids, rows);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return stats_->Merge(state, ids, rows);
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    return stats_->State(groups);
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return stats_->FinishPart(part_, begin, end);
  }
  void Clear() override { stats_->Clear(); }
  int64_t extra_bytes() const override { return stats_->extra_bytes(); }

 private:
  std::unique_ptr<StatsAccumulator> stats_;
  const Part part_;
};

// COUNT(*) and COUNT(x): a count a group.
class Counter final : public Accumulator {
 public:
  explicit Counter(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(counts_.size())) counts_.resize(groups, 0);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return Add(arguments, ids, rows, 1);
  }
  Status Retract(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return Add(arguments, ids, rows, -1);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto* counts = state[0]->data()->GetValues<int64_t>(1);
    for (int64_t i = 0; i < rows; ++i) counts_[GroupOf(ids, i)] += counts[i];
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    arrow::Int64Builder builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
    for (int64_t i = 0; i < groups.size(); ++i) builder.UnsafeAppend(counts_[groups[i]]);
    ARROW_ASSIGN_OR_RAISE(ArrayPtr counts, builder.Finish());
    return std::vector<ArrayPtr>{std::move(counts)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    arrow::Int64Builder builder(pool_);
    ARROW_RETURN_NOT_OK(builder.AppendValues(counts_.data() + begin, end - begin));
    return builder.Finish();
  }
  void Clear() override { counts_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(counts_.capacity() * sizeof(int64_t));
  }

 private:
  Status Add(const Arguments& arguments, const uint32_t* ids, int64_t rows, int64_t by) {
    const bool all =
        arguments.empty() || (arguments[0].is_scalar() ? arguments[0].scalar()->is_valid
                                                       : arguments[0].null_count() == 0);
    if (!all && arguments[0].is_scalar()) return Status::OK();
    if (all && ids == nullptr) {
      counts_[0] += by * rows;
    } else if (all) {
      for (int64_t i = 0; i < rows; ++i) counts_[ids[i]] += by;
    } else {
      const ArrayPtr values = arguments[0].make_array();
      for (int64_t i = 0; i < rows; ++i) {
        counts_[GroupOf(ids, i)] += values->IsValid(i) ? by : 0;
      }
    }
    return Status::OK();
  }

  arrow::MemoryPool* const pool_;
  std::vector<int64_t> counts_;
};

class DecimalSum final : public Accumulator {
 public:
  DecimalSum(TypePtr type, arrow::MemoryPool* pool)
      : type_(std::move(type)), pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups, Row{0, 0});
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return Add(arguments[0], ids, rows, 1);
  }
  Status Retract(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    return Add(arguments[0], ids, rows, -1);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto* counts = state[0]->data()->GetValues<int64_t>(1);
    const auto& sums = static_cast<const arrow::Decimal128Array&>(*state[1]);
    for (int64_t i = 0; i < rows; ++i) {
      if (counts[i] == 0) continue;
      Row& row = rows_[GroupOf(ids, i)];
      row.count += counts[i];
      if (__builtin_add_overflow(row.sum, expr::LoadInt128(sums.GetValue(i)), &row.sum)) {
        return Overflow();
      }
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    arrow::Int64Builder counts(pool_);
    for (int64_t i = 0; i < groups.size(); ++i) {
      ARROW_RETURN_NOT_OK(counts.Append(rows_[groups[i]].count));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr count, counts.Finish());
    ARROW_ASSIGN_OR_RAISE(ArrayPtr sum, Sums(groups));
    return std::vector<ArrayPtr>{std::move(count), std::move(sum)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return Sums(GroupSelection(begin, end));
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  struct Row {
    Int128 sum;
    int64_t count;
  };
  Result<ArrayPtr> Sums(const GroupSelection& groups) {
    arrow::Decimal128Builder builder(type_, pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
    for (int64_t i = 0; i < groups.size(); ++i) {
      const Row& row = rows_[groups[i]];
      if (row.count == 0) {
        builder.UnsafeAppendNull();
        continue;
      }
      if (!expr::FitsDigits(row.sum, 38)) return Overflow();
      builder.UnsafeAppend(arrow::Decimal128(static_cast<int64_t>(row.sum >> 64),
                                             static_cast<uint64_t>(row.sum)));
    }
    return builder.Finish();
  }
  static Status Overflow() {
    return errors::kNumericOverflow.Make({}, "SUM exceeds 38 digits");
  }
  Status Add(const arrow::Datum& argument, const uint32_t* ids, int64_t rows, int sign) {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(argument, rows, pool_));
    const auto& values = static_cast<const arrow::Decimal128Array&>(*array);
    for (int64_t i = 0; i < rows; ++i) {
      if (values.IsNull(i)) continue;
      Row& row = rows_[GroupOf(ids, i)];
      row.count += sign;
      const Int128 value = expr::LoadInt128(values.GetValue(i));
      if (__builtin_add_overflow(row.sum, sign * value, &row.sum)) return Overflow();
    }
    return Status::OK();
  }

  const TypePtr type_;
  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

// Months, days and time are added each for itself.
class IntervalSum final : public Accumulator {
 public:
  explicit IntervalSum(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    const auto& values = static_cast<const arrow::MonthDayNanoIntervalArray&>(*array);
    for (int64_t i = 0; i < rows; ++i) {
      if (values.IsNull(i)) continue;
      const auto value = values.GetValue(i);
      Row& row = rows_[GroupOf(ids, i)];
      row.any = true;
      row.months += value.months;
      row.days += value.days;
      row.nanos += value.nanoseconds;
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto* months = state[0]->data()->GetValues<int64_t>(1);
    const auto* days = state[1]->data()->GetValues<int64_t>(1);
    const auto& nanos = static_cast<const arrow::Decimal128Array&>(*state[2]);
    for (int64_t i = 0; i < rows; ++i) {
      if (nanos.IsNull(i)) continue;
      Row& row = rows_[GroupOf(ids, i)];
      row.any = true;
      row.months += months[i];
      row.days += days[i];
      row.nanos += expr::LoadInt128(nanos.GetValue(i));
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    arrow::Int64Builder months(pool_), days(pool_);
    arrow::Decimal128Builder nanos(arrow::decimal128(38, 0), pool_);
    for (int64_t i = 0; i < groups.size(); ++i) {
      const Row& row = rows_[groups[i]];
      ARROW_RETURN_NOT_OK(months.Append(row.months));
      ARROW_RETURN_NOT_OK(days.Append(row.days));
      ARROW_RETURN_NOT_OK(
          row.any ? nanos.Append(arrow::Decimal128(static_cast<int64_t>(row.nanos >> 64),
                                                   static_cast<uint64_t>(row.nanos)))
                  : nanos.AppendNull());
    }
    std::vector<ArrayPtr> out(3);
    ARROW_RETURN_NOT_OK(months.Finish(&out[0]));
    ARROW_RETURN_NOT_OK(days.Finish(&out[1]));
    ARROW_RETURN_NOT_OK(nanos.Finish(&out[2]));
    return out;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    arrow::MonthDayNanoIntervalBuilder builder(pool_);
    for (int64_t i = begin; i < end; ++i) {
      const Row& row = rows_[i];
      if (!row.any) {
        ARROW_RETURN_NOT_OK(builder.AppendNull());
        continue;
      }
      const auto months = static_cast<int32_t>(row.months);
      const auto days = static_cast<int32_t>(row.days);
      const auto nanos = static_cast<int64_t>(row.nanos);
      if (months != row.months || days != row.days || nanos != row.nanos) {
        return errors::kNumericOverflow.Make({}, "SUM of INTERVAL is too long");
      }
      ARROW_RETURN_NOT_OK(builder.Append({months, days, nanos}));
    }
    return builder.Finish();
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  struct Row {
    Int128 nanos = 0;
    int64_t months = 0, days = 0;
    bool any = false;
  };

  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

AggregateBinding StatBinding(const TypePtr& type, Part part, TypePtr result) {
  std::vector<TypePtr> state{arrow::int64()};
  if (part == Part::kSum || part == Part::kAvg) {
    state.push_back(arrow::is_floating(type->id()) ? arrow::float64()
                                                   : arrow::decimal128(38, 0));
  }
  if (part == Part::kMin || part == Part::kMax) state.push_back(type);
  return {{type}, std::move(result), std::move(state)};
}

AccumulatorResult MakeStat(const AggregateBinding& binding, Part part,
                           arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(
      auto stats,
      StatsAccumulator::Make(binding.argument_types[0], static_cast<Parts>(part), pool));
  return std::make_unique<OneStat>(std::move(stats), part);
}

Result<AggregateBinding> BindCount(const Types& types, const Literals&) {
  if (types.size() > 1) return BadArguments("count", types);
  return AggregateBinding{types, arrow::int64(), {arrow::int64()}};
}

Result<AggregateBinding> BindSum(const Types& types, const Literals&) {
  if (types.size() != 1) return BadArguments("sum", types);
  const TypePtr type = Widened(types[0]);
  if (arrow::is_floating(type->id())) {
    return StatBinding(type, Part::kSum, arrow::float64());
  }
  if (arrow::is_integer(type->id())) return StatBinding(type, Part::kSum, arrow::int64());
  if (type->id() == Type::DECIMAL128) {
    const int scale = static_cast<const arrow::DecimalType&>(*type).scale();
    const auto sum = arrow::decimal128(38, scale);
    return AggregateBinding{{type}, sum, {arrow::int64(), sum}};
  }
  if (type->id() == Type::INTERVAL_MONTH_DAY_NANO) {
    return AggregateBinding{
        {type}, type, {arrow::int64(), arrow::int64(), arrow::decimal128(38, 0)}};
  }
  return BadArguments("sum", types);
}

Result<AggregateBinding> BindAvg(const Types& types, const Literals&) {
  if (types.size() != 1) return BadArguments("avg", types);
  TypePtr type = Widened(types[0]);
  if (type->id() == Type::DECIMAL128) type = arrow::float64();
  if (!arrow::is_floating(type->id()) && !arrow::is_integer(type->id())) {
    return BadArguments("avg", types);
  }
  return StatBinding(type, Part::kAvg, arrow::float64());
}

auto BindExtreme(const char* name, Part part) {
  return [=](const Types& types, const Literals&) -> Result<AggregateBinding> {
    if (types.size() != 1) return BadArguments(name, types);
    const TypePtr type = Widened(types[0]);
    if (StatsAccumulator::Supports(*type)) return StatBinding(type, part, type);
    switch (type->id()) {
      case Type::STRING:
      case Type::BINARY:
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY:
      case Type::FIXED_SIZE_BINARY:
      case Type::BOOL:
      case Type::INTERVAL_MONTH_DAY_NANO:
      case Type::DECIMAL128:
      case Type::DECIMAL256: return AggregateBinding{{type}, type, {type}};
      default: return BadArguments(name, types);
    }
  };
}

auto MakerOfExtreme(Part part) {
  return [=](const AggregateBinding& binding, const Literals&,
             arrow::MemoryPool* pool) -> AccumulatorResult {
    const TypePtr& type = binding.argument_types[0];
    if (StatsAccumulator::Supports(*type)) return MakeStat(binding, part, pool);
    return MakeExtreme(type, part == Part::kMax, pool);
  };
}

auto BindBool(const char* name) {
  return [=](const Types& types, const Literals& literals) -> Result<AggregateBinding> {
    if (types.size() != 1 || !FitsImplicitly(types[0], literals[0], arrow::boolean())) {
      return BadArguments(name, types);
    }
    return AggregateBinding{{arrow::boolean()}, arrow::boolean(), {arrow::boolean()}};
  };
}

auto MakerOfBool(bool max) {
  return [=](const AggregateBinding&, const Literals&,
             arrow::MemoryPool* pool) -> AccumulatorResult {
    return MakeExtreme(arrow::boolean(), max, pool);
  };
}

}  // namespace

Status RegisterBasicAggregates(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"count",
              {},
              "aggregate",
              "count(*), count(x) → bigint",
              "Number of rows, or of those where x is not NULL; 0 for none.",
              "count(x)",
              "3"},
      .retractable = true,
      .bind = BindCount,
      .make = [](const AggregateBinding&, const Literals&, arrow::MemoryPool* pool)
          -> AccumulatorResult { return std::make_unique<Counter>(pool); }}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"sum",
              {},
              "aggregate",
              "sum(x) → bigint, decimal(38, s), double or interval",
              "Sum of the values that are not NULL; NULL for none. A sum of integers "
              "outside BIGINT is an error, one within is exact.",
              "sum(x)",
              "6"},
      .retractable = true,
      .bind = BindSum,
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        if (binding.result->id() == Type::DECIMAL128) {
          return std::make_unique<DecimalSum>(binding.result, pool);
        }
        if (binding.result->id() == Type::INTERVAL_MONTH_DAY_NANO) {
          return std::make_unique<IntervalSum>(pool);
        }
        return MakeStat(binding, Part::kSum, pool);
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(
      AggregateFunction{.doc = {"avg",
                                {"mean"},
                                "aggregate",
                                "avg(x) → double",
                                "Mean of the values that are not NULL; NULL for none.",
                                "avg(x)",
                                "2.0"},
                        .retractable = true,
                        .bind = BindAvg,
                        .make = [](const AggregateBinding& binding, const Literals&,
                                   arrow::MemoryPool* pool) {
                          return MakeStat(binding, Part::kAvg, pool);
                        }}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"min",
              {},
              "aggregate",
              "min(x) → type of x",
              "Smallest value; NULL for none. NaN is greater than every number.",
              "min(x)",
              "1"},
      .ignores_distinct = true,
      .bind = BindExtreme("min", Part::kMin),
      .make = MakerOfExtreme(Part::kMin)}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"max",
              {},
              "aggregate",
              "max(x) → type of x",
              "Largest value; NULL for none. NaN is greater than every number.",
              "max(x)",
              "3"},
      .ignores_distinct = true,
      .bind = BindExtreme("max", Part::kMax),
      .make = MakerOfExtreme(Part::kMax)}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"bool_and",
              {"every"},
              "aggregate",
              "bool_and(condition) → boolean",
              "True where every value is; NULLs are passed over; NULL for none.",
              "bool_and(x > 0)",
              "true"},
      .ignores_distinct = true,
      .bind = BindBool("bool_and"),
      .make = MakerOfBool(false)}));
  return registry.Add(AggregateFunction{
      .doc = {"bool_or",
              {},
              "aggregate",
              "bool_or(condition) → boolean",
              "True where any value is; NULLs are passed over; NULL for none.",
              "bool_or(x > 2)",
              "true"},
      .ignores_distinct = true,
      .bind = BindBool("bool_or"),
      .make = MakerOfBool(true)});
}

}  // namespace millrace::functions
