// Numbered errors of the CSV format.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kCsvEmpty{
    2100, arrow::StatusCode::Invalid, false, "CSV file is empty",
    "declare the schema to read an empty file as no rows"};
inline constexpr ErrorSpec kCsvTooFewFields{
    2101, arrow::StatusCode::Invalid, false, "row has fewer fields than the table",
    "set on_ragged = 'null' to fill with NULL, or 'dead_letter' to set such rows aside"};
inline constexpr ErrorSpec kCsvTooManyFields{
    2102, arrow::StatusCode::Invalid, false, "row has more fields than the table",
    "quote fields that contain the delimiter, or set on_ragged = 'dead_letter'"};
inline constexpr ErrorSpec kCsvUnclosedQuote{
    2103, arrow::StatusCode::Invalid, false, "quoted field is never closed",
    "close the quote, or set quote = 'none' when quotes have no meaning"};
inline constexpr ErrorSpec kCsvStrayQuote{
    2104, arrow::StatusCode::Invalid, false, "quote in the wrong place",
    "double quotes inside a quoted field, or set quote = 'none' when quotes have no "
    "meaning"};
inline constexpr ErrorSpec kCsvBadValue{
    2105, arrow::StatusCode::Invalid, false, "value does not fit the column's type",
    "declare the column's type, raise sample_rows and sample_bytes, or set all_varchar"};
inline constexpr ErrorSpec kCsvInvalidUtf8{
    2106, arrow::StatusCode::Invalid, false, "text is not valid UTF-8",
    "convert the file to UTF-8, or declare the column as BLOB"};
inline constexpr ErrorSpec kCsvDuplicateColumn{
    2107, arrow::StatusCode::Invalid, false, "two columns have one name",
    "rename one of them, or declare the schema"};
inline constexpr ErrorSpec kCsvSchemaMismatch{
    2108, arrow::StatusCode::Invalid, false, "file does not have the declared columns",
    "declare as many columns as the file has, or exactly the names in its header"};
inline constexpr ErrorSpec kCsvRecordTooLarge{
    2109, arrow::StatusCode::CapacityError, false, "record is too large",
    "look for a quote that is not closed, or raise max_record_bytes"};
inline constexpr ErrorSpec kCsvUnsupportedType{2110, arrow::StatusCode::NotImplemented,
                                               false, "type can't be read from CSV",
                                               "declare the column as VARCHAR"};
inline constexpr ErrorSpec kCsvBadDialect{
    2111, arrow::StatusCode::Invalid, false, "CSV options contradict each other",
    "give delimiter, quote, escape and comment different characters"};
inline constexpr ErrorSpec kCsvUnrepresentable{
    2112, arrow::StatusCode::Invalid, false, "value can't be written as CSV",
    "set quoting to something else than 'none', or set an escape character"};
inline constexpr ErrorSpec kCsvHeaderDiffers{
    2113, arrow::StatusCode::Invalid, false,
    "rows can't be appended to a CSV file of another form",
    "select the columns in the file's order, and set delimiter, quoting and line_end as "
    "the file has them"};

inline constexpr ErrorSpec kCsvSetDiffers{
    2114, arrow::StatusCode::Invalid, false, "file has other columns than the first one",
    "read the files separately, or mend the header"};

inline constexpr const ErrorSpec* kCsvErrors[] = {
    &kCsvEmpty,           &kCsvTooFewFields,   &kCsvTooManyFields,   &kCsvUnclosedQuote,
    &kCsvStrayQuote,      &kCsvBadValue,       &kCsvInvalidUtf8,     &kCsvDuplicateColumn,
    &kCsvSchemaMismatch,  &kCsvRecordTooLarge, &kCsvUnsupportedType, &kCsvBadDialect,
    &kCsvUnrepresentable, &kCsvHeaderDiffers,  &kCsvSetDiffers};

}  // namespace millrace::errors
