// Numbered errors of the JSON format.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kJsonEmpty{
    2200, arrow::StatusCode::Invalid, false, "JSON file is empty",
    "declare the schema to read an empty file as no rows"};
inline constexpr ErrorSpec kJsonMalformed{
    2201, arrow::StatusCode::Invalid, false, "line is not valid JSON",
    "mend the line, or set bad rows aside instead of failing"};
inline constexpr ErrorSpec kJsonNotObject{
    2202, arrow::StatusCode::Invalid, false, "line is no JSON object",
    "write one object a line: {\"name\": value, …}"};
inline constexpr ErrorSpec kJsonTruncated{2203, arrow::StatusCode::Invalid, false,
                                          "last line is cut short",
                                          "write the file again; its end is missing"};
inline constexpr ErrorSpec kJsonInvalidUtf8{2204, arrow::StatusCode::Invalid, false,
                                            "text is not valid UTF-8",
                                            "convert the file to UTF-8"};
inline constexpr ErrorSpec kJsonBadValue{
    2205, arrow::StatusCode::Invalid, false, "value does not fit the column's type",
    "declare the column's type, or raise sample_rows and sample_bytes"};
inline constexpr ErrorSpec kJsonDuplicateKey{2206, arrow::StatusCode::Invalid, false,
                                             "object has one name twice",
                                             "write each name once an object"};
inline constexpr ErrorSpec kJsonUnknownField{
    2207, arrow::StatusCode::Invalid, false, "object has a field that no column takes",
    "declare the column, raise sample_rows and sample_bytes, or set unknown_fields = "
    "'ignore'"};
inline constexpr ErrorSpec kJsonArrayFile{
    2208, arrow::StatusCode::Invalid, false, "file is a JSON array, not lines of objects",
    "write one object a line without the brackets and commas around them (NDJSON)"};
inline constexpr ErrorSpec kJsonRecordTooLarge{
    2209, arrow::StatusCode::CapacityError, false, "line is too long",
    "write one object a line, or raise max_record_bytes"};
inline constexpr ErrorSpec kJsonUnsupportedType{2210, arrow::StatusCode::NotImplemented,
                                                false, "type can't be held in JSON",
                                                "cast the column to VARCHAR"};
inline constexpr ErrorSpec kJsonUnrepresentable{
    2211, arrow::StatusCode::Invalid, false, "value can't be written as JSON",
    "set non_finite for NaN and infinity; dates lie in the years 0000 to 9999"};

inline constexpr const ErrorSpec* kJsonErrors[] = {
    &kJsonEmpty,          &kJsonMalformed,       &kJsonNotObject,
    &kJsonTruncated,      &kJsonInvalidUtf8,     &kJsonBadValue,
    &kJsonDuplicateKey,   &kJsonUnknownField,    &kJsonArrayFile,
    &kJsonRecordTooLarge, &kJsonUnsupportedType, &kJsonUnrepresentable};

}  // namespace millrace::errors
