// Numbered errors of Protobuf.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kProtobufBroken{
    2901, arrow::StatusCode::Invalid, false, "not a readable file of Protobuf messages",
    "the file is cut short or damaged, or holds messages of another type"};
inline constexpr ErrorSpec kProtobufDescriptor{
    2902, arrow::StatusCode::Invalid, false, "Protobuf descriptor can't be used",
    "make it with protoc --include_imports --descriptor_set_out=FILE, and name the "
    "message with its package"};
inline constexpr ErrorSpec kProtobufUnsupported{
    2903, arrow::StatusCode::NotImplemented, false, "Protobuf message has no columns",
    "messages that hold themselves can't be columns: leave the field out of the .proto "
    "file that the descriptor is made of"};
inline constexpr ErrorSpec kProtobufSchema{
    2904, arrow::StatusCode::Invalid, false,
    "Protobuf message does not have the expected columns",
    "mend the declared columns, or take another message or descriptor"};
inline constexpr ErrorSpec kProtobufTooLarge{
    2905, arrow::StatusCode::CapacityError, false, "Protobuf message is too large",
    "raise max_message_bytes if the file is to be trusted"};
inline constexpr ErrorSpec kProtobufInvalidUtf8{
    2906, arrow::StatusCode::Invalid, false, "text in a Protobuf message is not UTF-8",
    "declare the column as BLOB, or write the file again with valid text"};
inline constexpr ErrorSpec kProtobufTime{
    2907, arrow::StatusCode::Invalid, false, "time in a Protobuf message is out of range",
    "nanoseconds reach from 1677-09-21 to 2262-04-11: set times = micros, which drops "
    "what is finer"};
inline constexpr ErrorSpec kProtobufUnrepresentable{
    2908, arrow::StatusCode::Invalid, false, "value can't be written as Protobuf",
    "cast the column to what the field can hold, or leave NULL out"};

inline constexpr const ErrorSpec* kProtobufErrors[] = {
    &kProtobufBroken, &kProtobufDescriptor,     &kProtobufUnsupported,
    &kProtobufSchema, &kProtobufTooLarge,       &kProtobufInvalidUtf8,
    &kProtobufTime,   &kProtobufUnrepresentable};

}  // namespace millrace::errors
