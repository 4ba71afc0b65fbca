// The plain notation of a DECIMAL: "-0.0000000001", never "-1E-10".
#pragma once

#include <string>

#include <arrow/util/decimal.h>

namespace millrace {

/// `value` divided by 10^scale, with exactly `scale` digits behind the point. A negative
/// scale adds zeros.
std::string DecimalText(const arrow::Decimal128& value, int scale);
std::string DecimalText(const arrow::Decimal256& value, int scale);

}  // namespace millrace
