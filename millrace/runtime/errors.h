// Numbered errors of the runtime.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kRuleBroken{
    2521, arrow::StatusCode::Invalid, false, "a row breaks a rule of its destination",
    "mend the query or the rule, or set such rows aside with on_invalid = 'dead_letter'"};

inline constexpr ErrorSpec kRowTooLate{
    2522, arrow::StatusCode::Invalid, false, "a row came when its windows had closed",
    "let the watermark wait longer, or give the query a GRACE PERIOD"};

inline constexpr const ErrorSpec* kRuntimeErrors[] = {&kRuleBroken, &kRowTooLate};

}  // namespace millrace::errors
