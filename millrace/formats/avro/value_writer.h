// From columns to the bytes of Avro records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/avro/decoder.h"

namespace millrace::formats::avro {

/// Plain bytes of records. Used by one thread.
class RecordWriter {
 public:
  /// `schema` has types of WrittenType.
  RecordWriter(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool);
  ~RecordWriter();

  /// Write from these columns, of the schema's types, from now on.
  Status Bind(const std::vector<std::shared_ptr<arrow::Array>>& columns);
  /// Write row `i`.
  Status Write(int64_t i);

  const uint8_t* data() { return bytes_.data(); }
  int64_t size() const { return size_; }
  void Clear() { size_ = 0; }

 private:
  struct Column;
  static std::unique_ptr<Column> Make(const arrow::Field& field);
  /// `hidden`: NULL may stand where nothing is written.
  static Status BindColumn(Column& column, const arrow::Array& array, bool hidden);
  bool Value(Column& column, int64_t i);
  bool Text(const void* bytes, int64_t size);
  bool Decimal(const uint8_t* little_endian, int width);
  bool Union(Column& column, int64_t i);
  bool Room(int64_t size);

  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  std::vector<std::unique_ptr<Column>> columns_;
  Growing bytes_;
  int64_t size_ = 0;
  Status status_;
};

}  // namespace millrace::formats::avro
