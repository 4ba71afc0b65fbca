// Numbered errors of the JSON format.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kJsonEmpty{
    2200, arrow::StatusCode::Invalid, false, "JSON file is empty",
    "declare the schema to read an empty file as no rows"};
inline constexpr ErrorSpec kJsonMalformed{
    2201, arrow::StatusCode::Invalid, false, "record is not valid JSON",
    "mend it, or set bad rows aside instead of failing"};
inline constexpr ErrorSpec kJsonNotObject{2202, arrow::StatusCode::Invalid, false,
                                          "record is no JSON object",
                                          "write objects: {\"name\": value, …}"};
inline constexpr ErrorSpec kJsonTruncated{2203, arrow::StatusCode::Invalid, false,
                                          "last record is cut short",
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
inline constexpr ErrorSpec kJsonArrayFile{2208, arrow::StatusCode::Invalid, false,
                                          "file is a JSON array, not lines of objects",
                                          "set layout = 'array', or leave it out"};
inline constexpr ErrorSpec kJsonRecordTooLarge{
    2209, arrow::StatusCode::CapacityError, false, "record is too large",
    "look for a bracket or quote that is missing, or raise max_record_bytes"};
inline constexpr ErrorSpec kJsonUnsupportedType{2210, arrow::StatusCode::NotImplemented,
                                                false, "type can't be held in JSON",
                                                "cast the column to VARCHAR"};
inline constexpr ErrorSpec kJsonUnrepresentable{
    2211, arrow::StatusCode::Invalid, false, "value can't be written as JSON",
    "set non_finite for NaN and infinity; dates lie in the years 0000 to 9999"};

inline constexpr ErrorSpec kJsonNoArray{
    2212, arrow::StatusCode::Invalid, false, "file is no JSON array",
    "set layout to what the file is, or leave it out"};
inline constexpr ErrorSpec kJsonArrayCut{2213, arrow::StatusCode::Invalid, false,
                                         "JSON array is cut short",
                                         "write the file again; its end is missing"};
inline constexpr ErrorSpec kJsonArrayTail{
    2214, arrow::StatusCode::Invalid, false, "something follows the JSON array",
    "a file is one array; look for a bracket too many, or set layout = 'objects' where "
    "objects follow one another"};
inline constexpr ErrorSpec kJsonStrayBracket{
    2215, arrow::StatusCode::Invalid, false, "a closing bracket has no opening one",
    "mend the file; what follows can't be told apart"};
inline constexpr ErrorSpec kJsonAppendLayout{
    2216, arrow::StatusCode::Invalid, false,
    "rows can't be appended to a JSON file of another layout",
    "set layout to what the file is ('lines' or 'array')"};

inline constexpr const ErrorSpec* kJsonErrors[] = {
    &kJsonEmpty,       &kJsonMalformed,      &kJsonNotObject,       &kJsonTruncated,
    &kJsonInvalidUtf8, &kJsonBadValue,       &kJsonDuplicateKey,    &kJsonUnknownField,
    &kJsonArrayFile,   &kJsonRecordTooLarge, &kJsonUnsupportedType, &kJsonUnrepresentable,
    &kJsonNoArray,     &kJsonArrayCut,       &kJsonArrayTail,       &kJsonStrayBracket,
    &kJsonAppendLayout};

}  // namespace millrace::errors
