// Numbered errors of text in columns of fixed width.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kFixedLayout{
    2150, arrow::StatusCode::Invalid, false, "the fields of a fixed-width file make none",
    "give either fields = 'name:first-last, …', counted from 1, or widths = '8, 20, …' "
    "and names"};
inline constexpr ErrorSpec kFixedEmpty{2151, arrow::StatusCode::Invalid, false,
                                       "fixed-width file is empty",
                                       "declare the schema to read it as no rows"};
inline constexpr ErrorSpec kFixedShort{
    2152, arrow::StatusCode::Invalid, false, "record ends before its last field",
    "set on_short = 'pad' to take what is missing for blanks, or 'dead_letter' to set "
    "such records aside"};
inline constexpr ErrorSpec kFixedRecordTooLarge{
    2153, arrow::StatusCode::CapacityError, false, "record is too large",
    "set record_length when records have no line ends, or raise max_record_bytes"};
inline constexpr ErrorSpec kFixedSchemaMismatch{
    2154, arrow::StatusCode::Invalid, false,
    "the fields of a fixed-width file are not the columns",
    "name the columns in the option 'fields', or give as many as there are"};
inline constexpr ErrorSpec kFixedTooWide{
    2155, arrow::StatusCode::Invalid, false, "value does not fit into its field",
    "make the field wider, or shorten the value in the query"};
inline constexpr ErrorSpec kFixedHeaderDiffers{
    2156, arrow::StatusCode::Invalid, false,
    "rows can't be appended to a fixed-width file of another form",
    "give fields, header and line_end as the file has them"};

inline constexpr const ErrorSpec* kFixedErrors[] = {
    &kFixedLayout,         &kFixedEmpty,   &kFixedShort,        &kFixedRecordTooLarge,
    &kFixedSchemaMismatch, &kFixedTooWide, &kFixedHeaderDiffers};

}  // namespace millrace::errors
