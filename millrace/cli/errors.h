// Numbered errors of the command line.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kBadArgument{1101, arrow::StatusCode::Invalid, false,
                                        "argument can't be understood",
                                        "see `millrace --help`"};
inline constexpr ErrorSpec kCannotUpsert{
    1102, arrow::StatusCode::NotImplemented, false,
    "the destination can't be updated by key",
    "use --mode append or overwrite, and leave --key out"};
inline constexpr ErrorSpec kCannotWriteText{1103, arrow::StatusCode::IOError, false,
                                            "file can't be written",
                                            "look at the path and its permissions"};

inline constexpr const ErrorSpec* kCliErrors[] = {&kBadArgument, &kCannotUpsert,
                                                  &kCannotWriteText};

}  // namespace millrace::errors
