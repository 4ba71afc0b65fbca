// Numbered errors of the runtime.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kRuleBroken{
    2521, arrow::StatusCode::Invalid, false, "a row breaks a rule of its destination",
    "mend the query or the rule, or set such rows aside with on_invalid = 'dead_letter'"};

inline constexpr const ErrorSpec* kRuntimeErrors[] = {&kRuleBroken};

}  // namespace millrace::errors
