// Numbered errors of data that changes its shape.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kValueNotMappable{
    2520, arrow::StatusCode::Invalid, false,
    "a value does not fit the column as the first schema has it",
    "set such rows aside with on_error = 'dead_letter', or declare a wider type"};

inline constexpr const ErrorSpec* kDataErrors[] = {&kValueNotMappable};

}  // namespace millrace::errors
