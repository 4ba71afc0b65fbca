// MEDIAN, PERCENTILE_CONT and PERCENTILE_DISC, exact: every value is kept.
#include <algorithm>
#include <cmath>

#include <arrow/type_traits.h>

#include "millrace/expr/decimal_double.h"
#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;
using expr::Int128;

// NaN sorts above all numbers.
template <typename T>
bool Before(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
  return a < b;
}

// A share of 1. A DECIMAL is kept as it was written: 0.3 of 10 values are 3 of them,
// whatever the nearest double is.
class Fraction {
 public:
  static Fraction Half() { return Fraction(5, 1); }
  static Fraction Decimal(Int128 unscaled, int scale) {
    return Fraction(unscaled, scale);
  }
  explicit Fraction(double value) : value_(value) {}

  bool valid() const { return value_ >= 0 && value_ <= 1; }
  double value() const { return value_; }

  /// The least whole number not below this share of `count`.
  int64_t CeilOf(int64_t count) const {
    double rest;
    const int64_t whole = FloorOf(count, &rest);
    return rest > 0 ? whole + 1 : whole;
  }
  /// The largest whole number not above this share of `count`, and what is left.
  int64_t FloorOf(int64_t count, double* rest) const {
    if (exact_) {
      const Int128 product = unscaled_ * count;
      *rest =
          expr::DecimalToDouble(product % power_, 0) / expr::DecimalToDouble(power_, 0);
      return static_cast<int64_t>(product / power_);
    }
    const double n = static_cast<double>(count);
    const double place = value_ * n;
    // What the product lost by rounding decides where it looks whole.
    const double lost = std::fma(value_, n, -place);
    double whole = std::floor(place);
    if (place == whole && lost < 0) {
      whole -= 1;
      *rest = 1 + lost;
    } else {
      *rest = place - whole + lost;
    }
    return static_cast<int64_t>(whole);
  }

 private:
  // Enough for any fraction worth writing; its product with a count stays within 128
  // bits.
  static constexpr int kMaxScale = 18;
  Fraction(Int128 unscaled, int scale)
      : value_(expr::DecimalToDouble(unscaled, scale)),
        exact_(scale <= kMaxScale),
        unscaled_(unscaled),
        power_(exact_ ? expr::PowerOfTen(scale) : 1) {}

  double value_;
  bool exact_ = false;
  Int128 unscaled_ = 0;
  Int128 power_ = 1;
};

template <typename T>
T ValueAt(const arrow::Array& array, int64_t row) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::string(static_cast<const arrow::BinaryArray&>(array).GetView(row));
  } else {
    return array.data()->GetValues<T>(1)[row];
  }
}

template <typename T>
int64_t BytesBehind(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return static_cast<int64_t>(value.capacity());
  }
  return 0;
}

// `values` as an array of `type`, NULL where `valid` is not null and says so.
template <typename T>
Result<ArrayPtr> ArrayOf(const TypePtr& type, const std::vector<T>& values,
                         const std::vector<bool>* valid, arrow::MemoryPool* pool) {
  const auto rows = static_cast<int64_t>(values.size());
  if constexpr (std::is_same_v<T, std::string>) {
    arrow::BinaryBuilder builder(pool);
    ARROW_RETURN_NOT_OK(builder.Reserve(rows));
    for (int64_t i = 0; i < rows; ++i) {
      ARROW_RETURN_NOT_OK(valid != nullptr && !(*valid)[i] ? builder.AppendNull()
                                                           : builder.Append(values[i]));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr array, builder.Finish());
    auto data = array->data()->Copy();
    data->type = type;
    return arrow::MakeArray(std::move(data));
  } else {
    const auto size = static_cast<int64_t>(sizeof(T)) * rows;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                          arrow::AllocateBuffer(size, pool));
    if (rows > 0) std::memcpy(bytes->mutable_data(), values.data(), size);
    std::shared_ptr<arrow::Buffer> bits;
    int64_t nulls = 0;
    if (valid != nullptr) {
      ARROW_ASSIGN_OR_RAISE(bits, arrow::AllocateEmptyBitmap(rows, pool));
      for (int64_t i = 0; i < rows; ++i) {
        arrow::bit_util::SetBitTo(bits->mutable_data(), i, (*valid)[i]);
        nulls += (*valid)[i] ? 0 : 1;
      }
    }
    return arrow::MakeArray(arrow::ArrayData::Make(type, rows, {bits, bytes}, nulls));
  }
}

template <typename T>
class Quantile final : public Accumulator {
 public:
  Quantile(TypePtr type, Fraction fraction, bool interpolate, arrow::MemoryPool* pool)
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
    for (int64_t i = 0; i < rows; ++i) {
      if (array->IsValid(i)) Add(GroupOf(ids, i), ValueAt<T>(*array, i));
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& lists = static_cast<const arrow::ListArray&>(*state[0]);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t k = lists.value_offset(i); k < lists.value_offset(i + 1); ++k) {
        Add(GroupOf(ids, i), ValueAt<T>(*lists.values(), k));
      }
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<T> all;
    arrow::Int32Builder offsets(pool_);
    ARROW_RETURN_NOT_OK(offsets.Append(0));
    for (int64_t i = 0; i < groups.size(); ++i) {
      const std::vector<T>& values = values_[groups[i]];
      all.insert(all.end(), values.begin(), values.end());
      if (static_cast<int64_t>(all.size()) > std::numeric_limits<int32_t>::max()) {
        return errors::kTextTooLong.Make({}, "a partial percentile of 2^31 values");
      }
      ARROW_RETURN_NOT_OK(offsets.Append(static_cast<int32_t>(all.size())));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr items, ArrayOf(type_, all, nullptr, pool_));
    ARROW_ASSIGN_OR_RAISE(ArrayPtr ends, offsets.Finish());
    return std::vector<ArrayPtr>{std::make_shared<arrow::ListArray>(
        arrow::list(type_), groups.size(), ends->data()->buffers[1], items)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    std::vector<T> out(end - begin);
    std::vector<bool> valid(end - begin);
    for (int64_t i = begin; i < end; ++i) {
      valid[i - begin] = !values_[i].empty();
      if (values_[i].empty()) continue;
      out[i - begin] = interpolate_ ? Interpolated(values_[i]) : Discrete(values_[i]);
    }
    return ArrayOf(type_, out, &valid, pool_);
  }
  void Clear() override {
    values_.clear();
    kept_bytes_ = 0;
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(values_.capacity() * sizeof(std::vector<T>)) +
           kept_bytes_;
  }

 private:
  void Add(uint32_t group, T value) {
    kept_bytes_ += static_cast<int64_t>(sizeof(T)) + BytesBehind(value);
    values_[group].push_back(std::move(value));
  }
  const T& At(std::vector<T>& values, int64_t index) {
    std::nth_element(values.begin(), values.begin() + index, values.end(), Before<T>);
    return values[index];
  }
  // The smallest value with at least that share of values at or below it.
  T Discrete(std::vector<T>& values) {
    const int64_t rank = fraction_.CeilOf(static_cast<int64_t>(values.size()));
    return At(values, std::max<int64_t>(rank, 1) - 1);
  }
  T Interpolated(std::vector<T>& values) {
    double share;
    const int64_t below =
        fraction_.FloorOf(static_cast<int64_t>(values.size()) - 1, &share);
    const T low = At(values, below);
    if (share == 0) return low;
    // nth_element left the larger values behind `below`.
    const T high = *std::min_element(values.begin() + below + 1, values.end(), Before<T>);
    if constexpr (std::is_same_v<T, double>) {
      return low + share * (high - low);
    } else if constexpr (std::is_same_v<T, int64_t>) {
      // Times: the distance is exact even where the times are no doubles.
      const Int128 distance = static_cast<Int128>(high) - low;
      return low +
             static_cast<int64_t>(std::nearbyint(share * static_cast<double>(distance)));
    } else {
      return low;
    }
  }

  const TypePtr type_;
  const Fraction fraction_;
  const bool interpolate_;
  arrow::MemoryPool* const pool_;
  std::vector<std::vector<T>> values_;
  int64_t kept_bytes_ = 0;
};

Result<Fraction> FractionOf(const std::string& name, const Types& types,
                            const Literals& literals) {
  if (types.size() != 2 || literals[1] == nullptr || !literals[1]->is_valid) {
    return BadArguments(name, types, "the fraction must be a constant");
  }
  Fraction fraction = Fraction::Half();
  const arrow::DataType& type = *literals[1]->type;
  if (type.id() == Type::DECIMAL128) {
    const auto& value = static_cast<const arrow::Decimal128Scalar&>(*literals[1]).value;
    fraction = Fraction::Decimal((static_cast<Int128>(value.high_bits()) << 64) |
                                     static_cast<Int128>(value.low_bits()),
                                 static_cast<const arrow::DecimalType&>(type).scale());
  } else if (arrow::is_integer(type.id()) || arrow::is_floating(type.id())) {
    ARROW_ASSIGN_OR_RAISE(auto wide, literals[1]->CastTo(arrow::float64()));
    fraction = Fraction(static_cast<const arrow::DoubleScalar&>(*wide).value);
  } else {
    return BadArguments(name, types, "the fraction must be a number");
  }
  if (!fraction.valid()) {
    return errors::kOutOfDomain.Make({}, "{}: the fraction {} is not within 0 and 1",
                                     name, fraction.value());
  }
  return fraction;
}

// Dates have times between them.
Result<AggregateBinding> BindContinuous(const std::string& name, const Types& types,
                                        const Literals& literals, bool fraction) {
  if (types.size() != (fraction ? 2u : 1u)) return BadArguments(name, types);
  TypePtr type = arrow::float64();
  if (types[0]->id() == Type::TIMESTAMP || types[0]->id() == Type::TIME64) {
    type = types[0];
  } else if (types[0]->id() == Type::DATE32) {
    type = Timestamp();
  } else if (!FitsImplicitly(types[0], literals[0], type)) {
    return BadArguments(name, types);
  }
  if (fraction) ARROW_RETURN_NOT_OK(FractionOf(name, types, literals).status());
  Types bound = types;
  bound[0] = type;
  return AggregateBinding{bound, type, {arrow::list(type)}};
}

AccumulatorResult MakeContinuous(const AggregateBinding& binding, Fraction fraction,
                                 arrow::MemoryPool* pool) {
  if (binding.result->id() == Type::DOUBLE) {
    return std::make_unique<Quantile<double>>(binding.result, fraction, true, pool);
  }
  return std::make_unique<Quantile<int64_t>>(binding.result, fraction, true, pool);
}

Result<AggregateBinding> BindDiscrete(const Types& types, const Literals& literals) {
  ARROW_RETURN_NOT_OK(FractionOf("percentile_disc", types, literals).status());
  TypePtr type = Widened(types[0]);
  if (type->id() == Type::LARGE_STRING) type = arrow::utf8();
  switch (type->id()) {
    case Type::INT32:
    case Type::INT64:
    case Type::FLOAT:
    case Type::DOUBLE:
    case Type::DATE32:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DECIMAL128:
    case Type::STRING: break;
    default: return BadArguments("percentile_disc", types);
  }
  return AggregateBinding{{type, types[1]}, type, {arrow::list(type)}};
}

AccumulatorResult MakeDiscrete(const AggregateBinding& binding, const Literals& literals,
                               arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const Fraction fraction,
                        FractionOf("percentile_disc", binding.argument_types, literals));
  const TypePtr& type = binding.result;
  switch (type->id()) {
    case Type::DOUBLE:
      return std::make_unique<Quantile<double>>(type, fraction, false, pool);
    case Type::FLOAT:
      return std::make_unique<Quantile<float>>(type, fraction, false, pool);
    case Type::INT32:
    case Type::DATE32:
      return std::make_unique<Quantile<int32_t>>(type, fraction, false, pool);
    case Type::DECIMAL128:
      return std::make_unique<Quantile<Int128>>(type, fraction, false, pool);
    case Type::STRING:
      return std::make_unique<Quantile<std::string>>(type, fraction, false, pool);
    default: return std::make_unique<Quantile<int64_t>>(type, fraction, false, pool);
  }
}

}  // namespace

Status RegisterQuantiles(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc =
          {"median",
           {},
           "aggregate",
           "median(x) → double, of times a time",
           "Middle value, the mean of the two in the middle of an even number; NULL for "
           "none. Of DATE it is a TIMESTAMP. Exact: keeps every value.",
           "median(x)",
           "2.0"},
      .bind =
          [](const Types& types, const Literals& literals) {
            return BindContinuous("median", types, literals, false);
          },
      .make = [](const AggregateBinding& binding, const Literals&,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return MakeContinuous(binding, Fraction::Half(), pool);
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(AggregateFunction{
      .doc = {"percentile_cont",
              {"quantile_cont"},
              "aggregate",
              "percentile_cont(x, fraction), percentile_cont(fraction) WITHIN GROUP "
              "(ORDER BY "
              "x) → double, of times a time",
              "Value at that share of the ordered values, interpolated between two. Of "
              "DATE it is a TIMESTAMP. Exact: keeps every value.",
              "percentile_cont(x, 0.25)",
              "1.5"},
      .bind =
          [](const Types& types, const Literals& literals) {
            return BindContinuous("percentile_cont", types, literals, true);
          },
      .make = [](const AggregateBinding& binding, const Literals& literals,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        ARROW_ASSIGN_OR_RAISE(
            const Fraction fraction,
            FractionOf("percentile_cont", binding.argument_types, literals));
        return MakeContinuous(binding, fraction, pool);
      }}));
  return registry.Add(AggregateFunction{
      .doc = {"percentile_disc",
              {"quantile_disc", "quantile"},
              "aggregate",
              "percentile_disc(x, fraction), percentile_disc(fraction) WITHIN GROUP "
              "(ORDER BY "
              "x) → type of x",
              "The first of the ordered values with at least that share at or below it. "
              "Exact: keeps every value.",
              "percentile_disc(x, 0.5)",
              "2"},
      .bind = BindDiscrete,
      .make = MakeDiscrete});
}

}  // namespace millrace::functions
