// CAST of VARCHAR.
#include <charconv>

#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>

#include "millrace/expr/cast_internal.h"
#include "millrace/expr/time_text.h"

namespace millrace::expr {

namespace {

using arrow::Type;

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
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

bool ParseDecimal(std::string_view text, int scale, Int128* out) {
  text = Trimmed(text);
  if (text.empty()) return false;
  arrow::Decimal128 value;
  int32_t precision, parsed_scale;
  if (!arrow::Decimal128::FromString(text, &value, &precision, &parsed_scale).ok()) {
    return false;
  }
  const Int128 unscaled = (static_cast<Int128>(value.high_bits()) << 64) |
                          static_cast<Int128>(value.low_bits());
  return Rescale(unscaled, parsed_scale, scale, out);
}

std::string_view WithoutPlus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

// Also blanks around it, a plus sign, and fractions and exponents, which round.
template <typename ArrowInt>
Result<ArrayPtr> ToInteger(const arrow::StringArray& text, const CastPlan& plan) {
  using Int = typename ArrowInt::c_type;
  return CastRows<ArrowInt>(text, plan, [&](int64_t row, Int* out) {
    const std::string_view digits = WithoutPlus(Trimmed(text.GetView(row)));
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, *out);
    if (parsed.ec == std::errc() && parsed.ptr == end) return true;
    Int128 whole;
    if (!ParseDecimal(digits, 0, &whole)) return false;
    *out = static_cast<Int>(whole);
    return *out == whole;
  });
}

template <typename ArrowFloat>
Result<ArrayPtr> ToReal(const arrow::StringArray& text, const CastPlan& plan) {
  using Float = typename ArrowFloat::c_type;
  return CastRows<ArrowFloat>(text, plan, [&](int64_t row, Float* out) {
    const std::string_view digits = WithoutPlus(Trimmed(text.GetView(row)));
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, *out);
    return parsed.ec == std::errc() && parsed.ptr == end;
  });
}

Result<ArrayPtr> ToNumber(const arrow::StringArray& text, const CastPlan& plan) {
  switch (plan.to->id()) {
    case Type::INT8: return ToInteger<arrow::Int8Type>(text, plan);
    case Type::INT16: return ToInteger<arrow::Int16Type>(text, plan);
    case Type::INT32: return ToInteger<arrow::Int32Type>(text, plan);
    case Type::INT64: return ToInteger<arrow::Int64Type>(text, plan);
    case Type::UINT8: return ToInteger<arrow::UInt8Type>(text, plan);
    case Type::UINT16: return ToInteger<arrow::UInt16Type>(text, plan);
    case Type::UINT32: return ToInteger<arrow::UInt32Type>(text, plan);
    case Type::UINT64: return ToInteger<arrow::UInt64Type>(text, plan);
    case Type::FLOAT: return ToReal<arrow::FloatType>(text, plan);
    default: return ToReal<arrow::DoubleType>(text, plan);
  }
}

}  // namespace

Result<ArrayPtr> CastFromText(const ArrayPtr& values, const CastPlan& plan) {
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
        const int64_t days = FloorDivide(time.seconds, 86400);
        *out = static_cast<int32_t>(days);
        return *out == days;
      });
    case Type::TIME64: {
      const auto& type = static_cast<const arrow::Time64Type&>(*plan.to);
      const int64_t unit = 1'000'000'000 / PerSecond(type.unit());
      return CastRows<arrow::Time64Type>(text, plan, [&](int64_t row, int64_t* out) {
        if (!ParseClock(text.GetView(row), out)) return false;
        *out /= unit;
        return true;
      });
    }
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
  if (arrow::is_integer(plan.to->id()) || plan.to->id() == Type::DOUBLE ||
      plan.to->id() == Type::FLOAT) {
    // Plain digits are what nearly all columns have, and Arrow reads them faster.
    auto plain = ArrowCast(values, plan.to, plan.context);
    if (plain.ok() || plain.status().IsOutOfMemory()) return plain;
    return ToNumber(text, plan);
  }
  return CastByArrow(values, plan);
}

}  // namespace millrace::expr
