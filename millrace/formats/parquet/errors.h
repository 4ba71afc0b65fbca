// Numbered errors of Parquet.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kParquetBroken{
    2301, arrow::StatusCode::Invalid, false, "not a readable Parquet file",
    "the file is cut short or damaged: write it again"};
inline constexpr ErrorSpec kParquetUnsupported{
    2302, arrow::StatusCode::NotImplemented, false, "Parquet can't hold this type",
    "cast the column to a type that it can hold"};
inline constexpr ErrorSpec kParquetSchema{
    2303, arrow::StatusCode::Invalid, false, "file does not have the expected columns",
    "read it on its own, or mend the declared columns"};
inline constexpr ErrorSpec kParquetWrite{2304, arrow::StatusCode::IOError, false,
                                         "rows can't be written as Parquet",
                                         "see the text behind; nothing was published"};

inline constexpr ErrorSpec kParquetInvalidUtf8{
    2305, arrow::StatusCode::Invalid, false, "text in a Parquet file is not valid UTF-8",
    "declare the column as BLOB, or write the file again with valid text"};

inline constexpr ErrorSpec kParquetKey{
    2306, arrow::StatusCode::Invalid, false,
    "an encrypted Parquet file can't be read with the keys there are",
    "give the keys that it was written with: footer_key = 'env:NAME', column_key = "
    "'column=env:NAME'"};
inline constexpr ErrorSpec kParquetBadKey{
    2307, arrow::StatusCode::Invalid, false, "a key of Parquet's encryption is none",
    "give footer_key, and keys of columns that there are; a key is 16, 24 or 32 bytes as "
    "base64, or in hex behind hex:"};

inline constexpr const ErrorSpec* kParquetErrors[] = {
    &kParquetBroken,      &kParquetUnsupported, &kParquetSchema, &kParquetWrite,
    &kParquetInvalidUtf8, &kParquetKey,         &kParquetBadKey};

}  // namespace millrace::errors
