// Row-wise kernels: a function of one row's values becomes a function of columns.
//
// MapRows reads arrays and scalars alike, gives NULL where any argument is NULL, and
// gives a scalar when all arguments are scalars. The row function is inlined; output goes
// to builders on the context's pool, so nothing is allocated per row.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/datum.h>
#include <arrow/scalar.h>
#include <arrow/util/decimal.h>

#include "millrace/expr/decimal_math.h"
#include "millrace/expr/function.h"

namespace millrace::functions {

using expr::EvalContext;
using Arguments = std::vector<arrow::Datum>;

/// Which Arrow array holds values read as T.
template <typename T>
struct ReadAs;
template <>
struct ReadAs<std::string_view> {
  using Array = arrow::StringArray;
  static std::string_view At(const Array& a, int64_t i) { return a.GetView(i); }
};
template <>
struct ReadAs<bool> {
  using Array = arrow::BooleanArray;
  static bool At(const Array& a, int64_t i) { return a.Value(i); }
};
/// Also dates and 32-bit times: the physical type counts.
template <>
struct ReadAs<int32_t> {
  using Array = arrow::Int32Array;
  static int32_t At(const Array& a, int64_t i) { return a.Value(i); }
};
template <>
struct ReadAs<int64_t> {
  using Array = arrow::Int64Array;
  static int64_t At(const Array& a, int64_t i) { return a.Value(i); }
};
template <>
struct ReadAs<double> {
  using Array = arrow::DoubleArray;
  static double At(const Array& a, int64_t i) { return a.Value(i); }
};
template <>
struct ReadAs<float> {
  using Array = arrow::FloatArray;
  static float At(const Array& a, int64_t i) { return a.Value(i); }
};
template <>
struct ReadAs<expr::Int128> {
  using Array = arrow::Decimal128Array;
  static expr::Int128 At(const Array& a, int64_t i) {
    return expr::LoadInt128(a.GetValue(i));
  }
};
using MonthDayNanos = arrow::MonthDayNanoIntervalType::MonthDayNanos;
template <>
struct ReadAs<MonthDayNanos> {
  using Array = arrow::MonthDayNanoIntervalArray;
  static MonthDayNanos At(const Array& a, int64_t i) { return a.GetValue(i); }
};

/// One argument: an array, or a scalar that every row sees.
template <typename T>
class Column {
 public:
  static Result<Column> Make(const arrow::Datum& datum, arrow::MemoryPool* pool) {
    Column column;
    std::shared_ptr<arrow::Array> array;
    if (datum.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(array, arrow::MakeArrayFromScalar(*datum.scalar(), 1, pool));
      column.step_ = 0;
    } else {
      array = datum.make_array();
    }
    // The physical layout is what T reads: DATE as int32, TIMESTAMP as int64.
    using Array = typename ReadAs<T>::Array;
    column.array_ = std::make_shared<Array>(array->data());
    column.has_nulls_ = array->null_count() > 0;
    return column;
  }
  T operator[](int64_t row) const { return ReadAs<T>::At(*array_, row * step_); }
  bool IsNull(int64_t row) const { return has_nulls_ && array_->IsNull(row * step_); }

 private:
  std::shared_ptr<typename ReadAs<T>::Array> array_;
  int64_t step_ = 1;
  bool has_nulls_ = false;
};

/// Builder of the output: fixed width values.
template <typename T>
struct OutputOf {
  using Builder = typename arrow::CTypeTraits<T>::BuilderType;
};

/// Finished array under the type asked for (DATE over int32, TIMESTAMP over int64).
Result<arrow::Datum> Retyped(std::shared_ptr<arrow::Array> array,
                             const expr::TypePtr& type, bool scalar);

/// Output of text: append pieces, then End or EndNull for every row.
class TextOutput {
 public:
  explicit TextOutput(arrow::MemoryPool* pool) : builder_(pool) {}
  Status Append(std::string_view text) { return builder_.Append(text); }
  Status AppendNull() { return builder_.AppendNull(); }
  arrow::StringBuilder& builder() { return builder_; }

 private:
  arrow::StringBuilder builder_;
};

inline bool AllScalars(const Arguments& arguments) {
  for (const arrow::Datum& argument : arguments) {
    if (!argument.is_scalar()) return false;
  }
  return true;
}

namespace internal {

template <typename... In, size_t... I>
Result<std::tuple<Column<In>...>> ReadColumns(const Arguments& arguments,
                                              arrow::MemoryPool* pool,
                                              std::index_sequence<I...>) {
  std::tuple<Column<In>...> columns;
  Status status;
  auto read = [&]<size_t J>() {
    if (!status.ok()) return;
    auto column =
        std::tuple_element_t<J, std::tuple<Column<In>...>>::Make(arguments[J], pool);
    if (!column.ok()) {
      status = column.status();
    } else {
      std::get<J>(columns) = std::move(column).ValueUnsafe();
    }
  };
  (read.template operator()<I>(), ...);
  ARROW_RETURN_NOT_OK(status);
  return columns;
}

}  // namespace internal

/// fn(values…, Out* out) → bool or Status or void; a false makes NULL.
template <typename Out, typename... In, typename Fn>
Result<arrow::Datum> MapRows(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const expr::TypePtr& type, const Fn& fn) {
  constexpr auto kSequence = std::index_sequence_for<In...>{};
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto columns,
                        internal::ReadColumns<In...>(arguments, context.pool, kSequence));
  typename OutputOf<Out>::Builder builder(context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const bool null =
        std::apply([&](const auto&... c) { return (c.IsNull(row) || ...); }, columns);
    if (null) {
      builder.UnsafeAppendNull();
      continue;
    }
    Out out{};
    auto call = [&](const auto&... c) { return fn(c[row]..., &out); };
    using Answer = decltype(std::apply(call, columns));
    if constexpr (std::is_same_v<Answer, Status>) {
      ARROW_RETURN_NOT_OK(std::apply(call, columns));
      builder.UnsafeAppend(out);
    } else if constexpr (std::is_same_v<Answer, bool>) {
      if (std::apply(call, columns)) {
        builder.UnsafeAppend(out);
      } else {
        builder.UnsafeAppendNull();
      }
    } else {
      std::apply(call, columns);
      builder.UnsafeAppend(out);
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
  return Retyped(std::move(array), type, scalar);
}

/// fn(values…, TextOutput&) → Status, appending exactly one value.
template <typename... In, typename Fn>
Result<arrow::Datum> MapRowsToText(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const Fn& fn) {
  constexpr auto kSequence = std::index_sequence_for<In...>{};
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto columns,
                        internal::ReadColumns<In...>(arguments, context.pool, kSequence));
  TextOutput out(context.pool);
  ARROW_RETURN_NOT_OK(out.builder().Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const bool null =
        std::apply([&](const auto&... c) { return (c.IsNull(row) || ...); }, columns);
    if (null) {
      ARROW_RETURN_NOT_OK(out.AppendNull());
      continue;
    }
    auto call = [&](const auto&... c) { return fn(c[row]..., out); };
    ARROW_RETURN_NOT_OK(std::apply(call, columns));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, out.builder().Finish());
  return Retyped(std::move(array), arrow::utf8(), scalar);
}

/// DECIMAL results: fn(values…, Int128* out) → Status.
template <typename... In, typename Fn>
Result<arrow::Datum> MapRowsToDecimal(EvalContext& context, const Arguments& arguments,
                                      int64_t rows, const expr::TypePtr& type,
                                      const Fn& fn) {
  constexpr auto kSequence = std::index_sequence_for<In...>{};
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto columns,
                        internal::ReadColumns<In...>(arguments, context.pool, kSequence));
  arrow::Decimal128Builder builder(type, context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const bool null =
        std::apply([&](const auto&... c) { return (c.IsNull(row) || ...); }, columns);
    if (null) {
      builder.UnsafeAppendNull();
      continue;
    }
    expr::Int128 out = 0;
    auto call = [&](const auto&... c) { return fn(c[row]..., &out); };
    ARROW_RETURN_NOT_OK(std::apply(call, columns));
    builder.UnsafeAppend(
        arrow::Decimal128(static_cast<int64_t>(out >> 64), static_cast<uint64_t>(out)));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
  return Retyped(std::move(array), type, scalar);
}

/// Arrow's kernel `name`, on the context's pool and this thread.
Result<arrow::Datum> CallArrow(EvalContext& context, const std::string& name,
                               const Arguments& arguments,
                               const arrow::compute::FunctionOptions* options = nullptr);

}  // namespace millrace::functions
