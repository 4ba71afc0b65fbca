// = <> < <= > >= IS [NOT] DISTINCT FROM, IN, BETWEEN.
#include <algorithm>
#include <cmath>
#include <string_view>

#include <arrow/compute/api.h>
#include <arrow/type_traits.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/intervals_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

struct ComparisonName {
  Comparison comparison;
  const char* sql;
  const char* kernel;
  const char* doc;
  const char* example;
};

constexpr ComparisonName kComparisons[] = {
    {Comparison::kEqual, "=", "equal", "Equal. NaN equals NaN, -0 equals 0.", "1 = 1"},
    {Comparison::kNotEqual, "<>", "not_equal", "Not equal.", "1 <> 2"},
    {Comparison::kLess, "<", "less", "Less. NaN is greater than every number.", "1 < 2"},
    {Comparison::kLessEqual, "<=", "less_equal", "Less or equal.", "1 <= 1"},
    {Comparison::kGreater, ">", "greater", "Greater. NaN is greater than every number.",
     "2 > 1"},
    {Comparison::kGreaterEqual, ">=", "greater_equal", "Greater or equal.", "2 >= 2"},
};

bool IsComparable(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::LIST:
    case Type::STRUCT:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::MAP: return false;
    default: return true;
  }
}

// The type of both sides; a literal text takes the type of a date or time beside it.
Result<TypePtr> Comparable(const std::string& name, const Types& types,
                           const Literals& literals) {
  TypePtr common = types[0];
  for (size_t i = 1; i < types.size(); ++i) {
    TypePtr next = expr::CommonType(common, types[i]);
    if (next == nullptr && FitsImplicitly(types[i], literals[i], common)) next = common;
    if (next == nullptr && i == 1 && FitsImplicitly(common, literals[0], types[i])) {
      next = types[i];
    }
    if (next == nullptr) return BadArguments(name, types);
    common = std::move(next);
  }
  if (common->id() == Type::NA) return arrow::int32();
  if (!IsComparable(*common)) return BadArguments(name, types, "it can't be compared");
  return common;
}

Bind BindComparable(std::string name, size_t count) {
  return [name = std::move(name), count](const Types& types,
                                         const Literals& literals) -> Result<Binding> {
    if (count == 0 ? types.size() < 2 : types.size() != count) {
      return BadArguments(name, types);
    }
    ARROW_ASSIGN_OR_RAISE(TypePtr type, Comparable(name, types, literals));
    return Binding{Types(types.size(), type), arrow::boolean()};
  };
}

// One order of all floating values: NaN is equal to itself and above the rest.
template <Comparison kComparison, typename T>
bool CompareFloats(T a, T b) {
  const bool a_nan = a != a;
  const bool b_nan = b != b;
  if constexpr (kComparison == Comparison::kEqual) return (a == b) | (a_nan & b_nan);
  if constexpr (kComparison == Comparison::kNotEqual)
    return !((a == b) | (a_nan & b_nan));
  if constexpr (kComparison == Comparison::kLess) return (a < b) | (b_nan & !a_nan);
  if constexpr (kComparison == Comparison::kLessEqual) return (a <= b) | b_nan;
  if constexpr (kComparison == Comparison::kGreater) return (a > b) | (a_nan & !b_nan);
  return (a >= b) | a_nan;
}

// Bits are gathered eight values at a time, so the inner loop has no read-modify-write.
template <typename Get>
void FillBits(int64_t rows, uint8_t* bits, const Get& get) {
  int64_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    uint32_t byte = 0;
    for (int bit = 0; bit < 8; ++bit) {
      byte |= static_cast<uint32_t>(get(row + bit)) << bit;
    }
    bits[row / 8] = static_cast<uint8_t>(byte);
  }
  for (; row < rows; ++row) arrow::bit_util::SetBitTo(bits, row, get(row));
}

Result<std::shared_ptr<arrow::Buffer>> BothValid(const arrow::Datum& left,
                                                 const arrow::Datum& right, int64_t rows,
                                                 arrow::MemoryPool* pool) {
  std::shared_ptr<arrow::Buffer> valid;
  for (const arrow::Datum* side : {&left, &right}) {
    if (side->is_scalar()) continue;
    const arrow::ArrayData& data = *side->array();
    if (data.GetNullCount() == 0) continue;
    if (valid == nullptr) {
      ARROW_ASSIGN_OR_RAISE(valid, arrow::internal::CopyBitmap(
                                       pool, data.buffers[0]->data(), data.offset, rows));
    } else {
      ARROW_ASSIGN_OR_RAISE(valid, arrow::internal::BitmapAnd(pool, valid->data(), 0,
                                                              data.buffers[0]->data(),
                                                              data.offset, rows, 0));
    }
  }
  return valid;
}

template <Comparison kComparison, typename ArrowType>
Result<arrow::Datum> CompareFloatColumns(EvalContext& context, const arrow::Datum& left,
                                         const arrow::Datum& right, int64_t rows) {
  using T = typename ArrowType::c_type;
  using ScalarType = typename arrow::TypeTraits<ArrowType>::ScalarType;
  for (const arrow::Datum* side : {&left, &right}) {
    if (!side->is_scalar() || side->scalar()->is_valid) continue;
    return arrow::Datum(arrow::MakeNullScalar(arrow::boolean()));
  }
  auto value = [](const arrow::Datum& datum) {
    return static_cast<const ScalarType&>(*datum.scalar()).value;
  };
  if (left.is_scalar() && right.is_scalar()) {
    return arrow::Datum(CompareFloats<kComparison>(value(left), value(right)));
  }
  ARROW_ASSIGN_OR_RAISE(auto valid, BothValid(left, right, rows, context.pool));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits,
                        arrow::AllocateEmptyBitmap(rows, context.pool));
  uint8_t* out = bits->mutable_data();
  if (right.is_scalar()) {
    const T* a = left.array()->GetValues<T>(1);
    FillBits(rows, out, [a, b = value(right)](int64_t i) {
      return CompareFloats<kComparison>(a[i], b);
    });
  } else if (left.is_scalar()) {
    const T* b = right.array()->GetValues<T>(1);
    FillBits(rows, out, [b, a = value(left)](int64_t i) {
      return CompareFloats<kComparison>(a, b[i]);
    });
  } else {
    const T* a = left.array()->GetValues<T>(1);
    const T* b = right.array()->GetValues<T>(1);
    FillBits(rows, out,
             [a, b](int64_t i) { return CompareFloats<kComparison>(a[i], b[i]); });
  }
  return arrow::Datum(std::make_shared<arrow::BooleanArray>(rows, bits, valid));
}

template <Comparison kComparison>
bool CompareLengths(expr::Int128 a, expr::Int128 b) {
  if constexpr (kComparison == Comparison::kEqual) return a == b;
  if constexpr (kComparison == Comparison::kNotEqual) return a != b;
  if constexpr (kComparison == Comparison::kLess) return a < b;
  if constexpr (kComparison == Comparison::kLessEqual) return a <= b;
  if constexpr (kComparison == Comparison::kGreater) return a > b;
  return a >= b;
}

template <Comparison kComparison>
Result<arrow::Datum> Compare(EvalContext& context, const arrow::Datum& left,
                             const arrow::Datum& right, int64_t rows) {
  switch (left.type()->id()) {
    case Type::DOUBLE:
      return CompareFloatColumns<kComparison, arrow::DoubleType>(context, left, right,
                                                                 rows);
    case Type::FLOAT:
      return CompareFloatColumns<kComparison, arrow::FloatType>(context, left, right,
                                                                rows);
    case Type::INTERVAL_MONTH_DAY_NANO:
      return MapRows<bool, MonthDayNanos, MonthDayNanos>(
          context, {left, right}, rows, arrow::boolean(),
          [](const MonthDayNanos& a, const MonthDayNanos& b, bool* out) {
            *out = CompareLengths<kComparison>(LengthOf(a), LengthOf(b));
          });
    default:
      return CallArrow(context, kComparisons[static_cast<int>(kComparison)].kernel,
                       {left, right});
  }
}

template <Comparison kComparison>
Status AddComparison(FunctionRegistry& registry) {
  const ComparisonName& name = kComparisons[static_cast<int>(kComparison)];
  ScalarFunction function{.doc = {name.sql,
                                  {},
                                  "operator",
                                  std::string("a ") + name.sql + " b → boolean",
                                  name.doc,
                                  name.example,
                                  "true"},
                          .bind = BindComparable(name.sql, 2),
                          .evaluate = [](EvalContext& context, const Arguments& arguments,
                                         int64_t rows, const TypePtr&) {
                            return Compare<kComparison>(context, arguments[0],
                                                        arguments[1], rows);
                          }};
  if (kComparison == Comparison::kNotEqual) function.doc.aliases = {"!="};
  if (kComparison == Comparison::kEqual) function.doc.aliases = {"=="};
  return registry.Add(std::move(function));
}

// Both NULL: the same; one NULL: distinct.
Result<arrow::Datum> IsDistinct(EvalContext& context, const Arguments& arguments,
                                int64_t rows) {
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum unequal,
      Compare<Comparison::kNotEqual>(context, arguments[0], arguments[1], rows));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum left, CallArrow(context, "is_null", {arguments[0]}));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum right,
                        CallArrow(context, "is_null", {arguments[1]}));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum one_null, CallArrow(context, "xor", {left, right}));
  return CallArrow(context, "coalesce", {unequal, one_null});
}

// NaN and -0 have several bit patterns, hash sets compare bits.
Result<arrow::Datum> Canonical(EvalContext& context, const arrow::Datum& values,
                               int64_t rows) {
  if (values.type()->id() == Type::DOUBLE) {
    return MapRows<double, double>(
        context, {values}, rows, values.type(),
        [](double a, double* out) { *out = a != a ? std::nan("") : a + 0.0; });
  }
  if (values.type()->id() == Type::FLOAT) {
    return MapRows<float, float>(
        context, {values}, rows, values.type(),
        [](float a, float* out) { *out = a != a ? std::nanf("") : a + 0.0F; });
  }
  return values;
}

// x IN (a, b, …). Constants go into one hash set; a NULL among them turns "no" into NULL.
Result<arrow::Datum> In(EvalContext& context, const Arguments& arguments, int64_t rows,
                        const TypePtr&) {
  // Intervals of the same length need not have the same bytes.
  const bool by_value = arguments[0].type()->id() == Type::INTERVAL_MONTH_DAY_NANO;
  const bool constants =
      !by_value && std::all_of(arguments.begin() + 1, arguments.end(),
                               [](const arrow::Datum& d) { return d.is_scalar(); });
  if (!constants) {
    arrow::Datum any;
    for (size_t i = 1; i < arguments.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(
          arrow::Datum equal,
          Compare<Comparison::kEqual>(context, arguments[0], arguments[i], rows));
      if (i == 1) {
        any = std::move(equal);
      } else {
        ARROW_ASSIGN_OR_RAISE(any, CallArrow(context, "or_kleene", {any, equal}));
      }
    }
    return any;
  }
  ARROW_ASSIGN_OR_RAISE(auto builder,
                        arrow::MakeBuilder(arguments[0].type(), context.pool));
  bool any_null = false;
  for (size_t i = 1; i < arguments.size(); ++i) {
    any_null |= !arguments[i].scalar()->is_valid;
    if (!arguments[i].scalar()->is_valid) continue;
    ARROW_ASSIGN_OR_RAISE(arrow::Datum value, Canonical(context, arguments[i], 1));
    ARROW_RETURN_NOT_OK(builder->AppendScalar(*value.scalar()));
  }
  ARROW_ASSIGN_OR_RAISE(auto set, builder->Finish());
  const auto type = arguments[0].type();
  if (!arguments[0].is_scalar() && set->length() == 0) {
    return arrow::Datum(arrow::MakeNullScalar(arrow::boolean()));
  }
  ARROW_ASSIGN_OR_RAISE(arrow::Datum values, Canonical(context, arguments[0], rows));
  const bool scalar = values.is_scalar();
  if (scalar) {
    ARROW_ASSIGN_OR_RAISE(auto one,
                          arrow::MakeArrayFromScalar(*values.scalar(), 1, context.pool));
    values = arrow::Datum(std::move(one));
  }
  const arrow::compute::SetLookupOptions options(
      set, arrow::compute::SetLookupOptions::INCONCLUSIVE);
  ARROW_ASSIGN_OR_RAISE(arrow::Datum found,
                        CallArrow(context, "is_in", {values}, &options));
  if (any_null) {
    // true stays, false becomes NULL.
    ARROW_ASSIGN_OR_RAISE(
        found, CallArrow(context, "or_kleene",
                         {found, arrow::Datum(arrow::MakeNullScalar(arrow::boolean()))}));
  }
  return Retyped(found.make_array(), arrow::boolean(), scalar);
}

Result<arrow::Datum> Between(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr&) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum low, Compare<Comparison::kGreaterEqual>(
                                              context, arguments[0], arguments[1], rows));
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum high,
      Compare<Comparison::kLessEqual>(context, arguments[0], arguments[2], rows));
  return CallArrow(context, "and_kleene", {low, high});
}

}  // namespace

Status RegisterComparison(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kEqual>(registry));
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kNotEqual>(registry));
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kLess>(registry));
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kLessEqual>(registry));
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kGreater>(registry));
  ARROW_RETURN_NOT_OK(AddComparison<Comparison::kGreaterEqual>(registry));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"is_distinct_from",
              {},
              "comparison",
              "a IS DISTINCT FROM b → boolean",
              "Not equal, where NULL equals NULL. Never NULL.",
              "is_distinct_from(1, NULL)",
              "true"},
      .bind = BindComparable("is_distinct_from", 2),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr&) { return IsDistinct(context, arguments, rows); }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"is_not_distinct_from",
              {},
              "comparison",
              "a IS NOT DISTINCT FROM b → boolean",
              "Equal, where NULL equals NULL. Never NULL.",
              "is_not_distinct_from(NULL, NULL)",
              "true"},
      .bind = BindComparable("is_not_distinct_from", 2),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr&) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(arrow::Datum distinct,
                              IsDistinct(context, arguments, rows));
        return CallArrow(context, "invert", {distinct});
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"in",
              {},
              "comparison",
              "x IN (a, b, …) → boolean",
              "True where x equals one of the values. NULL where it equals none and x or "
              "one of them is NULL.",
              "in(2, 1, 2, 3)",
              "true"},
      .bind = BindComparable("in", 0),
      .evaluate = In}));
  return registry.Add(ScalarFunction{.doc = {"between",
                                             {},
                                             "comparison",
                                             "x BETWEEN low AND high → boolean",
                                             "low <= x AND x <= high.",
                                             "between(2, 1, 3)",
                                             "true"},
                                     .bind = BindComparable("between", 3),
                                     .evaluate = Between});
}

}  // namespace millrace::functions
