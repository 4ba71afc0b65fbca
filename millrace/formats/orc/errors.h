// Numbered errors of ORC.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kOrcBroken{2801, arrow::StatusCode::Invalid, false,
                                      "not a readable ORC file",
                                      "the file is cut short or damaged: write it again"};
inline constexpr ErrorSpec kOrcUnsupported{
    2802, arrow::StatusCode::NotImplemented, false, "ORC can't hold this type",
    "cast the column to a type that it can hold, or select the others"};
inline constexpr ErrorSpec kOrcSchema{2803, arrow::StatusCode::Invalid, false,
                                      "file does not have the expected columns",
                                      "read it on its own, or mend the declared columns"};
inline constexpr ErrorSpec kOrcWrite{2804, arrow::StatusCode::IOError, false,
                                     "rows can't be written as ORC",
                                     "see the text behind; nothing was published"};
inline constexpr ErrorSpec kOrcInvalidUtf8{
    2805, arrow::StatusCode::Invalid, false, "text in an ORC file is not valid UTF-8",
    "declare the column as BLOB, or write the file again with valid text"};
inline constexpr ErrorSpec kOrcTimestamp{
    2806, arrow::StatusCode::Invalid, false, "a timestamp in an ORC file is out of range",
    "timestamps are read in nanoseconds, 1677-09-21 to 2262-04-11: select the other "
    "columns"};
inline constexpr ErrorSpec kOrcCodec{
    2807, arrow::StatusCode::NotImplemented, false,
    "compression of an ORC file is not known",
    "write the file with none, zlib, snappy, lz4 or zstd"};

inline constexpr const ErrorSpec* kOrcErrors[] = {
    &kOrcBroken,      &kOrcUnsupported, &kOrcSchema, &kOrcWrite,
    &kOrcInvalidUtf8, &kOrcTimestamp,   &kOrcCodec};

}  // namespace millrace::errors
