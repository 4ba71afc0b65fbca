#include "millrace/base/decimal_text.h"

namespace millrace {

namespace {

std::string WithPoint(std::string text, int scale) {
  const bool negative = text.front() == '-';
  if (scale < 0) {
    if (text != "0") text.append(static_cast<size_t>(-scale), '0');
    return text;
  }
  if (scale == 0) return text;
  const size_t sign = negative ? 1 : 0;
  const size_t places = static_cast<size_t>(scale);
  const size_t digits = text.size() - sign;
  if (digits <= places) text.insert(sign, places + 1 - digits, '0');
  text.insert(text.size() - places, 1, '.');
  return text;
}

}  // namespace

std::string DecimalText(const arrow::Decimal128& value, int scale) {
  return WithPoint(value.ToIntegerString(), scale);
}

std::string DecimalText(const arrow::Decimal256& value, int scale) {
  return WithPoint(value.ToIntegerString(), scale);
}

}  // namespace millrace
