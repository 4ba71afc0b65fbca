// MEDIAN, PERCENTILE_CONT and PERCENTILE_DISC, exact: every value is kept.
#include <algorithm>
#include <cmath>

#include <arrow/type_traits.h>

#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;

// NaN sorts above all numbers.
template <typename T>
bool Before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
  return a < b;
}

template <typename T>
class Quantile final : public Accumulator {
 public:
  Quantile(TypePtr type, double fraction, bool interpolate, arrow::MemoryPool* pool)
      : type_(std::move(type)),
        fraction_(fraction),
        interpolate_(interpolate),
        pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(values_.size())) values_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    const T* values = array->data()->GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      if (array->IsValid(i)) values_[GroupOf(ids, i)].push_back(values[i]);
    }
    kept_ += rows - array->null_count();
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& lists = static_cast<const arrow::ListArray&>(*state[0]);
    const T* values = lists.values()->data()->GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      auto& group = values_[GroupOf(ids, i)];
      group.insert(group.end(), values + lists.value_offset(i),
                   values + lists.value_offset(i + 1));
      kept_ += lists.value_length(i);
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(int64_t begin, int64_t end) override {
    auto items = std::make_shared<Builder>(type_, pool_);
    arrow::ListBuilder lists(pool_, items, arrow::list(type_));
    for (int64_t i = begin; i < end; ++i) {
      ARROW_RETURN_NOT_OK(lists.Append());
      ARROW_RETURN_NOT_OK(items->AppendValues(values_[i]));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr array, lists.Finish());
    return std::vector<ArrayPtr>{std::move(array)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    Builder builder(type_, pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(end - begin));
    for (int64_t i = begin; i < end; ++i) {
      if (values_[i].empty()) {
        builder.UnsafeAppendNull();
      } else {
        builder.UnsafeAppend(interpolate_ ? Interpolated(values_[i])
                                          : Discrete(values_[i]));
      }
    }
    return builder.Finish();
  }
  void Clear() override {
    values_.clear();
    kept_ = 0;
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(values_.capacity() * sizeof(std::vector<T>)) +
           kept_ * static_cast<int64_t>(sizeof(T));
  }

 private:
  using ArrowType =
      std::conditional_t<std::is_same_v<T, int32_t>, arrow::Date32Type,
                         std::conditional_t<std::is_same_v<T, int64_t>,
                                            arrow::TimestampType, arrow::DoubleType>>;
  using Builder = arrow::NumericBuilder<ArrowType>;

  T At(std::vector<T>& values, int64_t index) {
    std::nth_element(values.begin(), values.begin() + index, values.end(), Before<T>);
    return values[index];
  }
  // The smallest value with at least that share of values at or below it.
  T Discrete(std::vector<T>& values) {
    const auto count = static_cast<double>(values.size());
    const auto rank = static_cast<int64_t>(std::ceil(fraction_ * count));
    return At(values, std::max<int64_t>(rank, 1) - 1);
  }
  T Interpolated(std::vector<T>& values) {
    const double place = fraction_ * static_cast<double>(values.size() - 1);
    const auto below = static_cast<int64_t>(std::floor(place));
    const T low = At(values, below);
    const double share = place - static_cast<double>(below);
    if (share == 0) return low;
    // nth_element left the larger values behind `below`.
    const T high = *std::min_element(values.begin() + below + 1, values.end(), Before<T>);
    return static_cast<T>(static_cast<double>(low) +
                          share * (static_cast<double>(high) - static_cast<double>(low)));
  }

  const TypePtr type_;
  const double fraction_;
  const bool interpolate_;
  arrow::MemoryPool* const pool_;
  std::vector<std::vector<T>> values_;
  int64_t kept_ = 0;
};

// BIGINT has another builder type than TIMESTAMP, but the same bytes.
class Reinterpreted final : public Accumulator {
 public:
  Reinterpreted(TypePtr type, std::unique_ptr<Accumulator> inner)
      : type_(std::move(type)), inner_(std::move(inner)) {}
  Status Resize(int64_t groups) override { return inner_->Resize(groups); }
  Status Update(const Arguments& a, const uint32_t* ids, int64_t rows) override {
    return inner_->Update(a, ids, rows);
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return inner_->Merge(state, ids, rows);
  }
  Result<std::vector<ArrayPtr>> State(int64_t begin, int64_t end) override {
    ARROW_ASSIGN_OR_RAISE(auto state, inner_->State(begin, end));
    const auto& lists = static_cast<const arrow::ListArray&>(*state[0]);
    ARROW_ASSIGN_OR_RAISE(ArrayPtr items, lists.values()->View(type_));
    state[0] = std::make_shared<arrow::ListArray>(arrow::list(type_), lists.length(),
                                                  lists.value_offsets(), items);
    return state;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr array, inner_->Finish(begin, end));
    return array->View(type_);
  }
  void Clear() override { inner_->Clear(); }
  int64_t extra_bytes() const override { return inner_->extra_bytes(); }

 private:
  const TypePtr type_;
  std::unique_ptr<Accumulator> inner_;
};

Result<double> Fraction(const std::string& name, const Types& types,
                        const Literals& literals) {
  if (types.size() != 2 || literals[1] == nullptr || !literals[1]->is_valid) {
    return BadArguments(name, types, "the fraction must be a constant");
  }
  double fraction;
  if (types[1]->id() == Type::DECIMAL128) {
    // Arrow casts no decimal scalars.
    const int scale = static_cast<const arrow::DecimalType&>(*types[1]).scale();
    fraction =
        static_cast<const arrow::Decimal128Scalar&>(*literals[1]).value.ToDouble(scale);
  } else if (FitsImplicitly(types[1], nullptr, arrow::float64())) {
    ARROW_ASSIGN_OR_RAISE(auto wide, literals[1]->CastTo(arrow::float64()));
    fraction = static_cast<const arrow::DoubleScalar&>(*wide).value;
  } else {
    return BadArguments(name, types, "the fraction must be a number");
  }
  if (!(fraction >= 0 && fraction <= 1)) {
    return errors::kOutOfDomain.Make({}, "{}: the fraction {} is not within 0 and 1",
                                     name, fraction);
  }
  return fraction;
}

Result<AggregateBinding> BindContinuous(const std::string& name, const Types& types,
                                        const Literals& literals, bool fraction) {
  if (types.size() != (fraction ? 2u : 1u) ||
      !FitsImplicitly(types[0], literals[0], arrow::float64())) {
    return BadArguments(name, types);
  }
  if (fraction) ARROW_RETURN_NOT_OK(Fraction(name, types, literals).status());
  Types bound = types;
  bound[0] = arrow::float64();
  if (fraction) bound[1] = arrow::float64();
  return AggregateBinding{bound, arrow::float64(), {arrow::list(arrow::float64())}};
}

Result<AggregateBinding> BindDiscrete(const Types& types, const Literals& literals) {
  ARROW_RETURN_NOT_OK(Fraction("percentile_disc", types, literals).status());
  TypePtr type = types[0];
  if (arrow::is_integer(type->id()) && type->id() != Type::UINT64) {
    type = arrow::int64();
  } else if (arrow::is_floating(type->id())) {
    type = arrow::float64();
  } else if (type->id() != Type::DATE32 && type->id() != Type::TIMESTAMP) {
    return BadArguments("percentile_disc", types);
  }
  return AggregateBinding{{type, arrow::float64()}, type, {arrow::list(type)}};
}

AccumulatorResult MakeDiscrete(const AggregateBinding& binding, const Literals& literals,
                               arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(
      const double fraction,
      Fraction("percentile_disc", {binding.result, literals[1]->type}, literals));
  const TypePtr& type = binding.result;
  switch (type->id()) {
    case Type::DOUBLE:
      return std::make_unique<Quantile<double>>(type, fraction, false, pool);
    case Type::DATE32:
      return std::make_unique<Quantile<int32_t>>(type, fraction, false, pool);
    case Type::TIMESTAMP:
      return std::make_unique<Quantile<int64_t>>(type, fraction, false, pool);
    default: {
      const auto raw = arrow::timestamp(arrow::TimeUnit::MICRO);
      return std::make_unique<Reinterpreted>(
          type, std::make_unique<Quantile<int64_t>>(raw, fraction, false, pool));
    }
  }
}

}  // namespace

Status RegisterQuantiles(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc =
          {"median",
           {},
           "aggregate",
           "median(x) → double",
           "Middle value, the mean of the two in the middle of an even number; NULL for "
           "none. Exact: keeps every value.",
           "median(x)",
           "2"},
      .bind =
          [](const Types& types, const Literals& literals) {
            return BindContinuous("median", types, literals, false);
          },
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<Quantile<double>>(binding.result, 0.5, true, pool);
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"percentile_cont",
              {"quantile_cont"},
              "aggregate",
              "percentile_cont(x, fraction) → double",
              "Value at that share of the ordered values, interpolated between two. "
              "Exact: keeps every value.",
              "percentile_cont(x, 0.25)",
              "1.5"},
      .bind =
          [](const Types& types, const Literals& literals) {
            return BindContinuous("percentile_cont", types, literals, true);
          },
      .make = [](const AggregateBinding& binding, const Literals& literals,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        ARROW_ASSIGN_OR_RAISE(
            const double fraction,
            Fraction("percentile_cont", {binding.result, literals[1]->type}, literals));
        return std::make_unique<Quantile<double>>(binding.result, fraction, true, pool);
      }}));
  return registry.Add(AggregateFunction{
      .doc = {"percentile_disc",
              {"quantile_disc"},
              "aggregate",
              "percentile_disc(x, fraction) → type of x",
              "The first of the ordered values with at least that share at or below it. "
              "Exact: keeps every value.",
              "percentile_disc(x, 0.5)",
              "2"},
      .bind = BindDiscrete,
      .make = MakeDiscrete});
}

}  // namespace millrace::functions
