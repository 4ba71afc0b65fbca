// Numbered errors of text in other encodings.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kBadText{2061, arrow::StatusCode::Invalid, false,
                                    "text is not valid in its encoding",
                                    "name the right one with the option 'encoding', or "
                                    "write the file again"};
inline constexpr ErrorSpec kEncodingGrows{
    2062, arrow::StatusCode::Invalid, false, "a file that is watched has to be UTF-8",
    "turn it into UTF-8, or copy the file when it is complete"};

inline constexpr const ErrorSpec* kTextErrors[] = {&kBadText, &kEncodingGrows};

}  // namespace millrace::errors
