#include "millrace/expr/cast.h"

#include <cmath>
#include <limits>

#include <arrow/compute/api.h>

#include "millrace/data/type_name.h"
#include "millrace/expr/cast_internal.h"
#include "millrace/expr/decimal_double.h"
#include "millrace/expr/errors.h"

namespace millrace::expr {

using arrow::Type;

Status BadValue(const arrow::Array& values, int64_t row, const CastPlan& plan) {
  std::string text;
  if (!AppendValue(values, row, &text).ok()) text = "value";
  return errors::kBadCast.Make({}, "'{}' in {} of type {} does not fit {}", text,
                               plan.what, data::SqlTypeName(*values.type()),
                               data::SqlTypeName(*plan.to));
}

Status NoCast(const arrow::DataType& from, const CastPlan& plan) {
  return errors::kNoCast.Make({}, "{} from {} to {}", plan.what, data::SqlTypeName(from),
                              data::SqlTypeName(*plan.to));
}

Result<ArrayPtr> ArrowCast(const ArrayPtr& values, const TypePtr& to,
                           EvalContext& context) {
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe(to);
  options.allow_time_truncate = true;
  // An integer beyond 2^53 becomes the nearest DOUBLE. The other direction is not
  // Arrow's.
  options.allow_float_truncate = true;
  ARROW_ASSIGN_OR_RAISE(arrow::Datum out, arrow::compute::Cast(arrow::Datum(values),
                                                               options, context.arrow));
  return out.make_array();
}

namespace {

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

}  // namespace

Result<ArrayPtr> CastByArrow(const ArrayPtr& values, const CastPlan& plan) {
  auto cast = ArrowCast(values, plan.to, plan.context);
  if (cast.ok() || cast.status().IsOutOfMemory()) return cast;
  if (cast.status().IsNotImplemented() || cast.status().IsTypeError()) {
    return NoCast(*values->type(), plan);
  }
  if (!plan.lenient) {
    ARROW_ASSIGN_OR_RAISE(const int64_t row, FirstFailure(values, plan));
    return BadValue(*values, row, plan);
  }
  arrow::ArrayVector pieces;
  ARROW_RETURN_NOT_OK(CastPieces(values, plan, &pieces));
  return arrow::Concatenate(pieces, plan.context.pool);
}

namespace {

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

template <typename FloatArray>
Result<ArrayPtr> FloatToDecimal(const arrow::Array& values, const CastPlan& plan) {
  const auto& numbers = static_cast<const FloatArray&>(values);
  const int scale = static_cast<const arrow::DecimalType&>(*plan.to).scale();
  return CastRowsToDecimal(values, plan, [&](int64_t row, Int128* out) {
    return DoubleToDecimal(static_cast<double>(numbers.Value(row)), scale, out);
  });
}

Result<ArrayPtr> DoubleToFloat(const arrow::Array& values, const CastPlan& plan) {
  const auto& numbers = static_cast<const arrow::DoubleArray&>(values);
  return CastRows<arrow::FloatType>(values, plan, [&](int64_t row, float* out) {
    *out = static_cast<float>(numbers.Value(row));
    return std::isfinite(*out) || !std::isfinite(numbers.Value(row));
  });
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
  // Arrow multiplies by a power of ten that is no double.
  if (plan.to->id() == Type::DOUBLE) {
    return CastRows<arrow::DoubleType>(*values, plan, [&](int64_t row, double* out) {
      *out = DecimalToDouble(load(row), type.scale());
      return true;
    });
  }
  if (plan.to->id() == Type::FLOAT) {
    return CastRows<arrow::FloatType>(*values, plan, [&](int64_t row, float* out) {
      *out = DecimalToFloat(load(row), type.scale());
      return true;
    });
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

TypePtr WithoutZone(const TypePtr& type) {
  if (type->id() != Type::TIMESTAMP) return type;
  return arrow::timestamp(static_cast<const arrow::TimestampType&>(*type).unit());
}

// Arrow casts by the clock of the zone; here an instant shows the fields of UTC.
Result<ArrayPtr> CastTimestamp(const ArrayPtr& values, const CastPlan& plan) {
  ARROW_ASSIGN_OR_RAISE(ArrayPtr wall, values->View(WithoutZone(values->type())));
  const CastPlan inner{WithoutZone(plan.to), plan.lenient, plan.what, plan.context};
  ARROW_ASSIGN_OR_RAISE(wall, CastByArrow(wall, inner));
  return wall->View(plan.to);
}

Result<ArrayPtr> ToZoned(const ArrayPtr& values, const CastPlan& plan) {
  const CastPlan inner{WithoutZone(plan.to), plan.lenient, plan.what, plan.context};
  ARROW_ASSIGN_OR_RAISE(ArrayPtr wall, CastByArrow(values, inner));
  return wall->View(plan.to);
}

Result<ArrayPtr> CastArray(const ArrayPtr& values, const CastPlan& plan) {
  const auto from = values->type_id();
  const auto to = plan.to->id();
  if (from == Type::NA) {
    return arrow::MakeArrayOfNull(plan.to, values->length(), plan.context.pool);
  }
  if (to == Type::STRING) return CastToText(values, plan);
  if (from == Type::STRING) return CastFromText(values, plan);
  if (from == Type::LARGE_STRING || from == Type::STRING_VIEW) {
    const CastPlan inner{arrow::utf8(), plan.lenient, plan.what, plan.context};
    ARROW_ASSIGN_OR_RAISE(ArrayPtr text, CastToText(values, inner));
    return CastFromText(text, plan);
  }
  if (from == Type::HALF_FLOAT && to != Type::FLOAT) {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr wide,
                          ArrowCast(values, arrow::float32(), plan.context));
    return CastArray(wide, plan);
  }
  if (from == Type::DOUBLE || from == Type::FLOAT) {
    const bool wide = from == Type::DOUBLE;
    if (arrow::is_integer(to)) {
      return wide ? FloatToAnyInteger<arrow::DoubleArray>(*values, plan)
                  : FloatToAnyInteger<arrow::FloatArray>(*values, plan);
    }
    if (to == Type::DECIMAL128) {
      return wide ? FloatToDecimal<arrow::DoubleArray>(*values, plan)
                  : FloatToDecimal<arrow::FloatArray>(*values, plan);
    }
    if (to == Type::FLOAT) return DoubleToFloat(*values, plan);
  }
  if (from == Type::DECIMAL128) return CastDecimal(values, plan);
  if (arrow::is_integer(from) && to == Type::DECIMAL128) {
    return IntegerToDecimal(values, plan);
  }
  if (from == Type::TIMESTAMP) return CastTimestamp(values, plan);
  if (to == Type::TIMESTAMP) return ToZoned(values, plan);
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

namespace {

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id()) ||
         type.id() == Type::BOOL;
}

}  // namespace

bool CastCanFail(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.id() == Type::NA || to.id() == Type::STRING || from.Equals(to)) return false;
  if (to.id() == Type::DOUBLE) return !IsNumber(from);
  if (to.id() == Type::FLOAT) return from.id() == Type::DOUBLE || !IsNumber(from);
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
