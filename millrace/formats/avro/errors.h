// Numbered errors of Avro.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kAvroBroken{
    2701, arrow::StatusCode::Invalid, false, "not a readable Avro file",
    "the file is cut short or damaged: write it again"};
inline constexpr ErrorSpec kAvroBadSchema{2702, arrow::StatusCode::Invalid, false,
                                          "Avro file has a schema that is none",
                                          "mend the program that wrote it"};
inline constexpr ErrorSpec kAvroUnsupported{
    2703, arrow::StatusCode::NotImplemented, false, "Avro type has no columns",
    "types that hold themselves, and unions of more than 127 types, can't be read"};
inline constexpr ErrorSpec kAvroSchema{
    2704, arrow::StatusCode::Invalid, false,
    "Avro file does not have the expected columns",
    "read it on its own, or mend the declared columns"};
inline constexpr ErrorSpec kAvroTooLarge{
    2705, arrow::StatusCode::CapacityError, false, "Avro block is too large",
    "raise max_block_bytes if the file is to be trusted"};
inline constexpr ErrorSpec kAvroCodec{
    2706, arrow::StatusCode::NotImplemented, false, "Avro codec is not known",
    "write the file with null, deflate, snappy, zstandard, bzip2 or xz"};
inline constexpr ErrorSpec kAvroInvalidUtf8{
    2707, arrow::StatusCode::Invalid, false, "text in an Avro file is not valid UTF-8",
    "declare the column as BLOB, or write the file again with valid text"};
inline constexpr ErrorSpec kAvroType{2708, arrow::StatusCode::NotImplemented, false,
                                     "Avro can't hold this type",
                                     "cast the column to a type that it can hold"};
inline constexpr ErrorSpec kAvroUnrepresentable{
    2709, arrow::StatusCode::Invalid, false, "value can't be written as Avro",
    "cast the column to a type that holds it in Avro"};

inline constexpr const ErrorSpec* kAvroErrors[] = {
    &kAvroBroken,      &kAvroBadSchema, &kAvroUnsupported,
    &kAvroSchema,      &kAvroTooLarge,  &kAvroCodec,
    &kAvroInvalidUtf8, &kAvroType,      &kAvroUnrepresentable};

}  // namespace millrace::errors
