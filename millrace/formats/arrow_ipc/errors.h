// Numbered errors of Arrow IPC.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kIpcBroken{
    2601, arrow::StatusCode::Invalid, false, "not readable as Arrow IPC",
    "the file or stream is cut short or damaged: write it again"};
inline constexpr ErrorSpec kIpcSchema{2602, arrow::StatusCode::Invalid, false,
                                      "Arrow file does not have the expected columns",
                                      "read it on its own, or mend the declared columns"};
inline constexpr ErrorSpec kIpcWrite{2603, arrow::StatusCode::IOError, false,
                                     "rows can't be written as Arrow IPC",
                                     "see the text behind; nothing was published"};

inline constexpr const ErrorSpec* kIpcErrors[] = {&kIpcBroken, &kIpcSchema, &kIpcWrite};

}  // namespace millrace::errors
