// Numbered errors of compressed files.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kCompressedBroken{
    2051, arrow::StatusCode::IOError, false, "compressed file is damaged",
    "get the file anew from where it came; rows before the damage may have been read"};
inline constexpr ErrorSpec kCompressedCutOff{
    2052, arrow::StatusCode::IOError, false, "compressed file ends too early",
    "it was not written or copied to its end: get it anew"};
inline constexpr ErrorSpec kNotCompressed{
    2053, arrow::StatusCode::Invalid, false,
    "file is not compressed as its name or the options say",
    "set the option 'compression' to what it is, or to none"};
inline constexpr ErrorSpec kCompressedGrows{
    2054, arrow::StatusCode::Invalid, false,
    "a compressed file can't be followed while it grows",
    "leave mode 'watch' out, or watch files of plain text"};

inline constexpr const ErrorSpec* kCompressionErrors[] = {
    &kCompressedBroken, &kCompressedCutOff, &kNotCompressed, &kCompressedGrows};

}  // namespace millrace::errors
