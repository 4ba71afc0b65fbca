// Errors of operators: numbers 5010 to 5019.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kSpillDiskFull{
    5010, arrow::StatusCode::IOError, true, "no room left on the disk for spilled rows",
    "free some, let rows be spilled to another folder, or raise --memory"};
inline constexpr ErrorSpec kSpillFolder{
    5011, arrow::StatusCode::IOError, false, "no file can be made for spilled rows",
    "name a folder that exists and may be written to"};
inline constexpr ErrorSpec kSpillIo{5012, arrow::StatusCode::IOError, false,
                                    "spilled rows can't be written or read",
                                    "look at the disk that the folder lies on"};

inline constexpr const ErrorSpec* kOperatorErrors[] = {&kSpillDiskFull, &kSpillFolder,
                                                       &kSpillIo};

}  // namespace millrace::errors
