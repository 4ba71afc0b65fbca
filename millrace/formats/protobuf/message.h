// A message type, as its descriptor tells it and as columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/error.h"

namespace millrace::formats::protobuf_format {

/// How a value stands in the bytes, and what is made of it.
enum class Kind : uint8_t {
  kBool,
  kVarint32,  ///< int32, uint32
  kVarint64,  ///< int64, uint64
  kZigZag32,
  kZigZag64,
  kFixed32,  ///< fixed32, sfixed32, float
  kFixed64,  ///< fixed64, sfixed64, double
  kText,     ///< string, bytes
  kEnum,
  kMessage,
  kTimestamp,  ///< google.protobuf.Timestamp
  kDuration,   ///< google.protobuf.Duration
};

enum class Repetition : uint8_t { kOnce, kRepeated, kMap };

struct EnumType {
  std::vector<std::string> names;              ///< one a number, of aliases the first
  std::vector<int32_t> numbers;                ///< of `names`
  std::unordered_map<int32_t, int32_t> codes;  ///< from a number to its place in `names`
  std::unordered_map<std::string_view, int32_t> by_name;  ///< all, to their numbers
  bool closed = false;                 ///< proto2: other numbers are no value
  std::vector<std::string> all_names;  ///< what `by_name` looks at
};

struct MessageType;

struct Field {
  std::string name;
  uint32_t number = 0;
  Kind kind = Kind::kMessage;
  Repetition repetition = Repetition::kOnce;
  /// Of the column; of an item when it is repeated, of an entry of a map the MAP's.
  std::shared_ptr<arrow::DataType> type;
  bool nullable = false;  ///< absent is NULL
  bool required = false;
  bool implicit = false;       ///< zero is not written, and can't be told from absent
  bool packed = false;         ///< how it is written
  bool group = false;          ///< between two tags, not behind a length
  bool wrapped = false;        ///< google.protobuf.Int64Value and the like
  int oneof = -1;              ///< fields of one number of a message exclude each other
  uint64_t default_value = 0;  ///< its bits, where absent is not NULL
  std::string default_text;
  std::shared_ptr<const EnumType> enumeration;
  std::shared_ptr<const MessageType> message;  ///< kMessage; kMap: of key and value
};

/// Immutable. None holds itself.
struct MessageType {
  std::string name;
  std::vector<Field> fields;  ///< as the .proto file has them
  int64_t weight = 0;         ///< fields in it, messages as often as they stand
};

/// The type of the column of `field`, all of its repetition.
std::shared_ptr<arrow::DataType> ColumnType(const Field& field);

/// The fields of `message` as columns.
std::shared_ptr<arrow::Schema> ColumnsOf(const MessageType& message);

/// The message called `name` of the FileDescriptorSet `bytes`; of the only one that
/// stands alone in the last file when `name` is empty. `nanos`: times have nanoseconds,
/// else microseconds. `path` is for messages. Fails with kProtobufDescriptor and
/// kProtobufUnsupported.
Result<std::shared_ptr<const MessageType>> ParseDescriptor(std::string_view bytes,
                                                           const std::string& name,
                                                           bool nanos,
                                                           const std::string& path);

}  // namespace millrace::formats::protobuf_format
