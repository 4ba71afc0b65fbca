// Numbered errors of structs that become columns.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kFlatCollision{
    2071, arrow::StatusCode::Invalid, false, "two columns have one name when flattened",
    "set flatten_separator to a text that stands in no name, or a lower flatten_depth"};
inline constexpr ErrorSpec kFlatDiffers{
    2072, arrow::StatusCode::Invalid, false,
    "a flattened file does not have the columns that are declared",
    "declare columns that it has, by their flattened names, in types that hold their "
    "values"};
inline constexpr ErrorSpec kFlatUnknown{
    2073, arrow::StatusCode::Invalid, false,
    "it can't be told which field a flattened column is",
    "declare only fields that stand in the sample (sample_rows, sample_bytes), or no "
    "columns; a pipe can't be sampled for that"};

inline constexpr const ErrorSpec* kFlatErrors[] = {&kFlatCollision, &kFlatDiffers,
                                                   &kFlatUnknown};

}  // namespace millrace::errors
