// From columns to the bytes of messages.
//
// A message is written from its end to its beginning: the length that stands before a
// part is known when the part is there, and nothing is measured first or moved after.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/growing.h"
#include "millrace/formats/protobuf/message.h"

namespace millrace::formats::protobuf_format {

/// Used by one thread.
class MessageWriter {
 public:
  /// Fails with kProtobufSchema where a column of `schema` has no field, or a required
  /// field no column.
  static Result<std::unique_ptr<MessageWriter>> Make(
      std::shared_ptr<const MessageType> message, const arrow::Schema& schema,
      arrow::MemoryPool* pool);
  ~MessageWriter();

  /// The rows of which Append writes; they are kept until the next call. Columns as in
  /// the schema, possibly dictionary-encoded. Fails with kProtobufUnrepresentable.
  Status Bind(const arrow::RecordBatch& rows);
  /// Append row `i` behind its length to `out`, which holds *size bytes.
  Status Append(int64_t i, Growing* out, int64_t* size);

 private:
  struct Column;
  MessageWriter(std::shared_ptr<const MessageType> message, arrow::MemoryPool* pool);

  Status Plan(const MessageType& message, const arrow::FieldVector& fields,
              const std::string& name, Column* out);
  Status BindFields(Column& column, const arrow::ArrayVector& arrays);
  Status BindColumn(Column& column, std::shared_ptr<arrow::Array> array);
  Status BindItem(Column& column, std::shared_ptr<arrow::Array> array);

  bool Room(int64_t bytes);
  bool Put(const void* bytes, int64_t size);
  bool PutVarint(uint64_t value);
  bool PutTag(const Field& field, bool end = false);
  bool Fields(Column& message, int64_t i);
  bool FieldOf(Column& column, int64_t i);
  bool Item(Column& column, int64_t i, bool skip_zero, bool* zero);
  bool Tagged(Column& column, int64_t i);
  bool Moment(Column& column, int64_t i);
  bool EnumNumber(Column& column, int64_t i, int32_t* out);
  bool Bad(const Column& column, std::string text);

  const std::shared_ptr<const MessageType> message_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<Column> root_;
  // The message so far: the last used_ bytes of the buffer.
  Growing bytes_;
  int64_t used_ = 0;
  Status status_;
};

}  // namespace millrace::formats::protobuf_format
