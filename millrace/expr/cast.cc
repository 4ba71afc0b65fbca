#include "millrace/expr/cast.h"

#include <cmath>
#include <limits>

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>

#include "millrace/base/decimal_text.h"
#include "millrace/expr/decimal_math.h"
#include "millrace/expr/errors.h"
#include "millrace/expr/time_text.h"
#include "millrace/expr/type_name.h"

namespace millrace::expr {

namespace {

using arrow::Type;
using ArrayPtr = std::shared_ptr<arrow::Array>;

struct CastPlan {
  TypePtr to;
  bool lenient;
  const std::string& what;
  EvalContext& context;
};

Status BadValue(const arrow::Array& values, int64_t row, const CastPlan& plan) {
  std::string text = "value";
  if (auto value = values.GetScalar(row); value.ok()) text = (*value)->ToString();
  return errors::kBadCast.Make({}, "'{}' in {} of type {} does not fit {}", text,
                               plan.what, SqlTypeName(*values.type()),
                               SqlTypeName(*plan.to));
}

Result<ArrayPtr> ArrowCast(const ArrayPtr& values, const TypePtr& to,
                           EvalContext& context) {
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe(to);
  options.allow_time_truncate = true;
  ARROW_ASSIGN_OR_RAISE(arrow::Datum out, arrow::compute::Cast(arrow::Datum(values),
                                                               options, context.arrow));
  return out.make_array();
}

// The row that Arrow's kernel stumbled over: halve the range that contains one.
Result<int64_t> FirstFailure(const ArrayPtr& values, const CastPlan& plan) {
  int64_t begin = 0, length = values->length();
  while (length > 1) {
    const int64_t half = length / 2;
    if (ArrowCast(values->Slice(begin, half), plan.to, plan.context).ok()) {
      begin += half;
      length -= half;
    } else {
      length = half;
    }
  }
  return begin;
}

// NULL where the kernel fails. The cost grows with the number of bad values only.
Status CastPieces(const ArrayPtr& values, const CastPlan& plan, arrow::ArrayVector* out) {
  if (values->length() == 0) return Status::OK();
  if (auto cast = ArrowCast(values, plan.to, plan.context); cast.ok()) {
    out->push_back(*cast);
    return Status::OK();
  }
  if (values->length() == 1) {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr null,
                          arrow::MakeArrayOfNull(plan.to, 1, plan.context.pool));
    out->push_back(std::move(null));
    return Status::OK();
  }
  const int64_t half = values->length() / 2;
  ARROW_RETURN_NOT_OK(CastPieces(values->Slice(0, half), plan, out));
  return CastPieces(values->Slice(half), plan, out);
}

Result<ArrayPtr> CastByArrow(const ArrayPtr& values, const CastPlan& plan) {
  auto cast = ArrowCast(values, plan.to, plan.context);
  if (cast.ok() || cast.status().IsOutOfMemory()) return cast;
  if (cast.status().IsNotImplemented() || cast.status().IsTypeError()) {
    return errors::kNoCast.Make({}, "{} from {} to {}", plan.what,
                                SqlTypeName(*values->type()), SqlTypeName(*plan.to));
  }
  if (!plan.lenient) {
    ARROW_ASSIGN_OR_RAISE(const int64_t row, FirstFailure(values, plan));
    return BadValue(*values, row, plan);
  }
  arrow::ArrayVector pieces;
  ARROW_RETURN_NOT_OK(CastPieces(values, plan, &pieces));
  return arrow::Concatenate(pieces, plan.context.pool);
}

// Value by value: convert(row, out) says whether the value fits.
template <typename ArrowType, typename Convert>
Result<ArrayPtr> CastRows(const arrow::Array& values, const CastPlan& plan,
                          const Convert& convert) {
  using Builder = typename arrow::TypeTraits<ArrowType>::BuilderType;
  Builder builder(plan.to, plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  for (int64_t row = 0; row < values.length(); ++row) {
    typename ArrowType::c_type out{};
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
    } else if (convert(row, &out)) {
      builder.UnsafeAppend(out);
    } else if (plan.lenient) {
      builder.UnsafeAppendNull();
    } else {
      return BadValue(values, row, plan);
    }
  }
  return builder.Finish();
}

template <typename Convert>
Result<ArrayPtr> CastRowsToDecimal(const arrow::Array& values, const CastPlan& plan,
                                   const Convert& convert) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*plan.to);
  arrow::Decimal128Builder builder(plan.to, plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  for (int64_t row = 0; row < values.length(); ++row) {
    Int128 out = 0;
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
    } else if (convert(row, &out) && FitsDigits(out, type.precision())) {
      builder.UnsafeAppend(
          arrow::Decimal128(static_cast<int64_t>(out >> 64), static_cast<uint64_t>(out)));
    } else if (plan.lenient) {
      builder.UnsafeAppendNull();
    } else {
      return BadValue(values, row, plan);
    }
  }
  return builder.Finish();
}

bool ParseBool(std::string_view text, bool* out) {
  std::string word;
  for (char c : text) {
    if (c == ' ' || c == '\t') continue;
    if (word.size() == 5) return false;
    word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  if (word == "true" || word == "t" || word == "1" || word == "yes" || word == "y" ||
      word == "on") {
    return *out = true, true;
  }
  if (word == "false" || word == "f" || word == "0" || word == "no" || word == "n" ||
      word == "off") {
    return *out = false, true;
  }
  return false;
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1'000;
    case arrow::TimeUnit::MICRO: return 1'000'000;
    case arrow::TimeUnit::NANO: return 1'000'000'000;
  }
  return 1;
}

bool ParseDecimal(std::string_view text, int scale, Int128* out) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return false;
  text = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  arrow::Decimal128 value;
  int32_t precision, parsed_scale;
  if (!arrow::Decimal128::FromString(text, &value, &precision, &parsed_scale).ok()) {
    return false;
  }
  const Int128 unscaled = (static_cast<Int128>(value.high_bits()) << 64) |
                          static_cast<Int128>(value.low_bits());
  return Rescale(unscaled, parsed_scale, scale, out);
}

Result<ArrayPtr> CastText(const ArrayPtr& values, const CastPlan& plan) {
  const auto& text = static_cast<const arrow::StringArray&>(*values);
  switch (plan.to->id()) {
    case Type::BOOL:
      return CastRows<arrow::BooleanType>(text, plan, [&](int64_t row, bool* out) {
        return ParseBool(text.GetView(row), out);
      });
    case Type::DATE32:
      return CastRows<arrow::Date32Type>(text, plan, [&](int64_t row, int32_t* out) {
        ParsedTime time;
        if (!ParseTime(text.GetView(row), &time)) return false;
        *out = static_cast<int32_t>(FloorDivide(time.seconds, 86400));
        return true;
      });
    case Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*plan.to);
      const int64_t per_second = PerSecond(type.unit());
      return CastRows<arrow::TimestampType>(text, plan, [&](int64_t row, int64_t* out) {
        ParsedTime time;
        return ParseTime(text.GetView(row), &time) && ScaleTime(time, per_second, out);
      });
    }
    case Type::DECIMAL128: {
      const int scale = static_cast<const arrow::DecimalType&>(*plan.to).scale();
      return CastRowsToDecimal(text, plan, [&](int64_t row, Int128* out) {
        return ParseDecimal(text.GetView(row), scale, out);
      });
    }
    default: break;
  }
  if (arrow::is_numeric(plan.to->id()) &&
      !ArrowCast(values, plan.to, plan.context).ok()) {
    // Blanks around numbers are allowed; trimming waits until they are met.
    ARROW_ASSIGN_OR_RAISE(arrow::Datum trimmed,
                          arrow::compute::CallFunction("utf8_trim_whitespace", {values},
                                                       plan.context.arrow));
    return CastByArrow(trimmed.make_array(), plan);
  }
  return CastByArrow(values, plan);
}

// Half to even, as the hardware rounds; NaN and infinities do not fit.
template <typename FloatArray, typename ArrowInt>
Result<ArrayPtr> FloatToInteger(const arrow::Array& values, const CastPlan& plan) {
  using Int = typename ArrowInt::c_type;
  const auto& numbers = static_cast<const FloatArray&>(values);
  // Both bounds are exact in double: max + 1 is a power of two.
  const double low = static_cast<double>(std::numeric_limits<Int>::min());
  const double high = std::ldexp(1.0, std::numeric_limits<Int>::digits);
  return CastRows<ArrowInt>(values, plan, [&](int64_t row, Int* out) {
    const double rounded = std::nearbyint(static_cast<double>(numbers.Value(row)));
    if (!(rounded >= low && rounded < high)) return false;
    *out = static_cast<Int>(rounded);
    return true;
  });
}

template <typename FloatArray>
Result<ArrayPtr> FloatToAnyInteger(const arrow::Array& values, const CastPlan& plan) {
  switch (plan.to->id()) {
    case Type::INT8: return FloatToInteger<FloatArray, arrow::Int8Type>(values, plan);
    case Type::INT16: return FloatToInteger<FloatArray, arrow::Int16Type>(values, plan);
    case Type::INT32: return FloatToInteger<FloatArray, arrow::Int32Type>(values, plan);
    case Type::UINT8: return FloatToInteger<FloatArray, arrow::UInt8Type>(values, plan);
    case Type::UINT16: return FloatToInteger<FloatArray, arrow::UInt16Type>(values, plan);
    case Type::UINT32: return FloatToInteger<FloatArray, arrow::UInt32Type>(values, plan);
    case Type::UINT64: return FloatToInteger<FloatArray, arrow::UInt64Type>(values, plan);
    default: return FloatToInteger<FloatArray, arrow::Int64Type>(values, plan);
  }
}

Result<ArrayPtr> CastDecimal(const ArrayPtr& values, const CastPlan& plan) {
  const auto& type = static_cast<const arrow::DecimalType&>(*values->type());
  const auto& decimals = static_cast<const arrow::Decimal128Array&>(*values);
  auto load = [&](int64_t row) { return LoadInt128(decimals.GetValue(row)); };
  if (plan.to->id() == Type::DECIMAL128) {
    const int scale = static_cast<const arrow::DecimalType&>(*plan.to).scale();
    return CastRowsToDecimal(*values, plan, [&](int64_t row, Int128* out) {
      return Rescale(load(row), type.scale(), scale, out);
    });
  }
  if (arrow::is_integer(plan.to->id())) {
    const CastPlan wide{arrow::int64(), plan.lenient, plan.what, plan.context};
    if (plan.to->id() == Type::UINT64) return CastByArrow(values, plan);
    ARROW_ASSIGN_OR_RAISE(
        ArrayPtr whole,
        (CastRows<arrow::Int64Type>(*values, wide, [&](int64_t row, int64_t* out) {
          Int128 rounded;
          if (!Rescale(load(row), type.scale(), 0, &rounded)) {
            return false;
          }
          *out = static_cast<int64_t>(rounded);
          return *out == rounded;
        })));
    if (plan.to->id() == Type::INT64) return whole;
    return CastByArrow(whole, plan);
  }
  return CastByArrow(values, plan);
}

Result<ArrayPtr> IntegerToDecimal(const ArrayPtr& values, const CastPlan& plan) {
  if (values->type_id() == Type::UINT64) return CastByArrow(values, plan);
  ARROW_ASSIGN_OR_RAISE(ArrayPtr wide, ArrowCast(values, arrow::int64(), plan.context));
  const auto& numbers = static_cast<const arrow::Int64Array&>(*wide);
  const int scale = static_cast<const arrow::DecimalType&>(*plan.to).scale();
  return CastRowsToDecimal(*values, plan, [&](int64_t row, Int128* out) {
    return Rescale(numbers.Value(row), 0, scale, out);
  });
}

Result<ArrayPtr> TimeToText(const arrow::Array& values, const CastPlan& plan) {
  const auto& type = static_cast<const arrow::TimestampType&>(*values.type());
  const auto& times = static_cast<const arrow::TimestampArray&>(values);
  const int64_t per_second = PerSecond(type.unit());
  arrow::StringBuilder builder(plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  std::string text;
  for (int64_t row = 0; row < values.length(); ++row) {
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    text.clear();
    AppendTime(times.Value(row), per_second, &text);
    if (!type.timezone().empty()) text += "+00";
    ARROW_RETURN_NOT_OK(builder.Append(text));
  }
  return builder.Finish();
}

Result<ArrayPtr> DecimalToText(const arrow::Array& values, const CastPlan& plan) {
  const int scale = static_cast<const arrow::DecimalType&>(*values.type()).scale();
  const auto& numbers = static_cast<const arrow::Decimal128Array&>(values);
  arrow::StringBuilder builder(plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values.length()));
  for (int64_t row = 0; row < values.length(); ++row) {
    if (values.IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    ARROW_RETURN_NOT_OK(
        builder.Append(DecimalText(arrow::Decimal128(numbers.GetValue(row)), scale)));
  }
  return builder.Finish();
}

Result<ArrayPtr> CastArray(const ArrayPtr& values, const CastPlan& plan) {
  const auto from = values->type_id();
  const auto to = plan.to->id();
  if (from == Type::NA) {
    return arrow::MakeArrayOfNull(plan.to, values->length(), plan.context.pool);
  }
  if (from == Type::STRING) return CastText(values, plan);
  if (arrow::is_integer(to)) {
    if (from == Type::DOUBLE) return FloatToAnyInteger<arrow::DoubleArray>(*values, plan);
    if (from == Type::FLOAT) return FloatToAnyInteger<arrow::FloatArray>(*values, plan);
  }
  if (from == Type::DECIMAL128 && to == Type::STRING) return DecimalToText(*values, plan);
  if (from == Type::DECIMAL128) return CastDecimal(values, plan);
  if (arrow::is_integer(from) && to == Type::DECIMAL128) {
    return IntegerToDecimal(values, plan);
  }
  if (from == Type::TIMESTAMP && to == Type::STRING) return TimeToText(*values, plan);
  return CastByArrow(values, plan);
}

Result<ArrayPtr> Plain(const ArrayPtr& values, EvalContext& context) {
  if (values->type_id() != Type::DICTIONARY) return values;
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*values);
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum out,
      arrow::compute::Take(dictionary.dictionary(), dictionary.indices(),
                           arrow::compute::TakeOptions::NoBoundsCheck(), context.arrow));
  return out.make_array();
}

}  // namespace

Result<arrow::Datum> CastDatum(const arrow::Datum& input, const TypePtr& to, bool lenient,
                               const std::string& what, EvalContext& context) {
  const CastPlan plan{to, lenient, what, context};
  if (input.is_scalar()) {
    if (input.type()->Equals(*to)) return input;
    ARROW_ASSIGN_OR_RAISE(ArrayPtr one,
                          arrow::MakeArrayFromScalar(*input.scalar(), 1, context.pool));
    ARROW_ASSIGN_OR_RAISE(one, CastArray(one, plan));
    ARROW_ASSIGN_OR_RAISE(auto scalar, one->GetScalar(0));
    return arrow::Datum(std::move(scalar));
  }
  ARROW_ASSIGN_OR_RAISE(ArrayPtr values, Plain(input.make_array(), context));
  if (values->type()->Equals(*to)) return arrow::Datum(std::move(values));
  ARROW_ASSIGN_OR_RAISE(values, CastArray(values, plan));
  return arrow::Datum(std::move(values));
}

bool CastCanFail(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.id() == Type::NA || to.id() == Type::STRING || from.Equals(to)) return false;
  if (to.id() == Type::DOUBLE || to.id() == Type::FLOAT) {
    return from.id() == Type::STRING;
  }
  if (arrow::is_integer(from.id()) && arrow::is_integer(to.id())) {
    const bool from_signed = arrow::is_signed_integer(from.id());
    const bool to_signed = arrow::is_signed_integer(to.id());
    if (from_signed && !to_signed) return true;
    const int needed = from.bit_width() + (to_signed && !from_signed ? 1 : 0);
    return to.bit_width() < needed;
  }
  if (from.id() == Type::BOOL && arrow::is_integer(to.id())) return false;
  if (arrow::is_integer(from.id()) && to.id() == Type::BOOL) return false;
  if (from.id() == Type::DATE32 && to.id() == Type::TIMESTAMP) {
    return static_cast<const arrow::TimestampType&>(to).unit() == arrow::TimeUnit::NANO;
  }
  if (from.id() == Type::TIMESTAMP && to.id() == Type::DATE32) return false;
  if (from.id() == Type::TIMESTAMP && to.id() == Type::TIMESTAMP) {
    return static_cast<const arrow::TimestampType&>(to).unit() >
           static_cast<const arrow::TimestampType&>(from).unit();
  }
  return true;
}

}  // namespace millrace::expr
