// Numbered errors of the command line.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kBadArgument{1101, arrow::StatusCode::Invalid, false,
                                        "argument can't be understood", "see --help"};

inline constexpr const ErrorSpec* kCliErrors[] = {&kBadArgument};

}  // namespace millrace::errors
