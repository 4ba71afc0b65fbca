// DECIMAL and floating point into each other, correctly rounded.
#pragma once

#include "millrace/expr/decimal_math.h"

namespace millrace::expr {

/// The double nearest to `unscaled` / 10^`scale`; of two, the one whose last bit is 0.
/// Any scale that Arrow allows.
double DecimalToDouble(Int128 unscaled, int scale);

/// The same for float, in one rounding.
float DecimalToFloat(Int128 unscaled, int scale);

/// The exact value of `number` at `scale` (0 … 38), halves away from zero: 1.005e0 lies
/// below its text and becomes 1.00. False where it leaves 127 bits or is not finite.
bool DoubleToDecimal(double number, int scale, Int128* out);

}  // namespace millrace::expr
