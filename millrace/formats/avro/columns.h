// Which columns an Avro file gives, and the program that reads them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/formats/avro/decoder.h"
#include "millrace/formats/avro/schema.h"
#include "millrace/formats/format.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::avro {

/// What the stream is said to have, and where the file keeps it. Immutable.
struct Columns {
  struct Column {
    Field reader;    ///< what is made of it; no type: NULL in every row
    int field = -1;  ///< of the writer; −1: the default of the reader
  };
  TypePtr writer;
  std::vector<Column> columns;  ///< one a field of the schema
  StoredColumns stored;         ///< from the columns' types to those of the schema
};

/// Without `declared` the writer's fields. With it those, found by name, alias, or name
/// in another case: promoted as Avro says, NULL where the file has none and that may be.
/// `first`: the first file of a set, whose fields are the reader's schema for this one,
/// with their aliases and defaults; or null. Fails with kAvroSchema.
Result<Columns> MapColumns(TypePtr writer, const std::shared_ptr<arrow::Schema>& declared,
                           const Columns* first, const std::string& file);

/// A decoder of the columns `wanted` of the schema, ascending. Fails with kAvroSchema
/// where writer and reader don't go together.
Result<std::unique_ptr<Decoder>> MakeDecoder(const Columns& columns,
                                             const std::vector<int>& wanted,
                                             const std::string& file,
                                             arrow::MemoryPool* pool);

/// The step that makes a column of `reader` from values of `writer`.
Result<std::unique_ptr<Node>> Resolve(const Type& writer, const Type& reader,
                                      const std::string& name, const std::string& file,
                                      arrow::MemoryPool* pool);
/// The step that makes a column of `reader`, which the writer does not have.
Result<std::unique_ptr<Node>> Missing(const Field& reader, const std::string& file,
                                      arrow::MemoryPool* pool);
/// The step that passes over a value.
std::unique_ptr<Node> Skip(const Type& writer);

}  // namespace millrace::formats::avro
