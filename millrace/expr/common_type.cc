#include <algorithm>

#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/expr/evaluate.h"

namespace millrace::expr {

namespace {

constexpr int kMaxDigits = 38;

// Decimal digits that hold every value of an integer type.
int DigitsOf(arrow::Type::type id) {
  switch (id) {
    case arrow::Type::INT8:
    case arrow::Type::UINT8: return 3;
    case arrow::Type::INT16:
    case arrow::Type::UINT16: return 5;
    case arrow::Type::INT32:
    case arrow::Type::UINT32: return 10;
    case arrow::Type::INT64: return 19;
    default: return 20;
  }
}

TypePtr CommonInteger(const arrow::DataType& left, const arrow::DataType& right) {
  const int left_bits = left.bit_width();
  const int right_bits = right.bit_width();
  const bool left_signed = arrow::is_signed_integer(left.id());
  const bool right_signed = arrow::is_signed_integer(right.id());
  int bits = std::max(left_bits, right_bits);
  const bool is_signed = left_signed || right_signed;
  // An unsigned value needs one more bit in a signed type.
  if (left_signed != right_signed) {
    const int unsigned_bits = left_signed ? right_bits : left_bits;
    bits = std::max(bits, unsigned_bits * 2);
  }
  if (!is_signed) {
    switch (bits) {
      case 8: return arrow::uint8();
      case 16: return arrow::uint16();
      case 32: return arrow::uint32();
      default: return arrow::uint64();
    }
  }
  switch (bits) {
    case 8: return arrow::int8();
    case 16: return arrow::int16();
    case 32: return arrow::int32();
    case 64: return arrow::int64();
    default: return arrow::decimal128(20, 0);
  }
}

TypePtr CommonDecimal(const arrow::DataType& left, const arrow::DataType& right) {
  auto shape = [](const arrow::DataType& type, int* whole, int* scale) {
    if (arrow::is_integer(type.id())) {
      *whole = DigitsOf(type.id());
      *scale = 0;
    } else {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      *whole = decimal.precision() - decimal.scale();
      *scale = decimal.scale();
    }
  };
  int left_whole, left_scale, right_whole, right_scale;
  shape(left, &left_whole, &left_scale);
  shape(right, &right_whole, &right_scale);
  const int whole = std::max(left_whole, right_whole);
  const int scale = std::max(left_scale, right_scale);
  if (left.id() == arrow::Type::DECIMAL256 || right.id() == arrow::Type::DECIMAL256) {
    return arrow::decimal256(std::min(76, whole + scale), scale);
  }
  // Past 38 digits the scale is kept and large values fail: never a silent rounding.
  return arrow::decimal128(std::min(kMaxDigits, whole + scale), scale);
}

TypePtr CommonTimestamp(const arrow::DataType& left, const arrow::DataType& right) {
  auto unit = arrow::TimeUnit::SECOND;
  std::string zone;
  bool any = false;
  for (const arrow::DataType* type : {&left, &right}) {
    if (type->id() != arrow::Type::TIMESTAMP) continue;
    const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
    unit = any ? std::max(unit, timestamp.unit()) : timestamp.unit();
    if (zone.empty()) zone = timestamp.timezone();
    any = true;
  }
  return arrow::timestamp(unit, zone);
}

bool IsText(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING ||
         type.id() == arrow::Type::STRING_VIEW;
}

bool IsBytes(const arrow::DataType& type) {
  return type.id() == arrow::Type::BINARY || type.id() == arrow::Type::LARGE_BINARY ||
         type.id() == arrow::Type::FIXED_SIZE_BINARY;
}

TypePtr Plain(const TypePtr& type) {
  if (type->id() != arrow::Type::DICTIONARY) return type;
  return static_cast<const arrow::DictionaryType&>(*type).value_type();
}

}  // namespace

TypePtr CommonType(const TypePtr& left_type, const TypePtr& right_type) {
  const TypePtr left = Plain(left_type);
  const TypePtr right = Plain(right_type);
  if (left->Equals(*right)) return left;
  if (left->id() == arrow::Type::NA) return right;
  if (right->id() == arrow::Type::NA) return left;
  const auto l = left->id();
  const auto r = right->id();
  auto is_number = [](arrow::Type::type id) {
    return arrow::is_integer(id) || arrow::is_floating(id) || arrow::is_decimal(id);
  };
  if (is_number(l) && is_number(r)) {
    if (arrow::is_integer(l) && arrow::is_integer(r)) return CommonInteger(*left, *right);
    if (arrow::is_floating(l) || arrow::is_floating(r)) {
      // REAL keeps 24 bits: with any other number the result is DOUBLE.
      return l == r ? left : arrow::float64();
    }
    return CommonDecimal(*left, *right);
  }
  if (IsText(*left) && IsText(*right)) return arrow::utf8();
  if (IsBytes(*left) && IsBytes(*right)) return arrow::binary();
  auto is_date = [](arrow::Type::type id) {
    return id == arrow::Type::DATE32 || id == arrow::Type::DATE64;
  };
  if (is_date(l) && is_date(r)) return arrow::date32();
  if ((l == arrow::Type::TIMESTAMP || is_date(l)) &&
      (r == arrow::Type::TIMESTAMP || is_date(r))) {
    return CommonTimestamp(*left, *right);
  }
  if (arrow::is_time(l) && arrow::is_time(r)) return arrow::time64(arrow::TimeUnit::NANO);
  return nullptr;
}

}  // namespace millrace::expr
