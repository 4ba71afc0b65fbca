// How the columns of a Parquet file become those of the stream.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace parquet::arrow {
struct SchemaManifest;
}

namespace millrace::formats::parquet_format {

/// What the stream is said to have, and where the file keeps it. Immutable.
struct Columns {
  struct Column {
    int field = 0;            ///< of the file
    std::vector<int> leaves;  ///< its column chunks in a row group
  };
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::Schema> own;  ///< what the file itself has
  std::vector<Column> columns;         ///< one a field of the schema
  /// Values arrive in the schema's types and names: nothing is left to do.
  bool as_stored = true;
  /// Statistics of the file speak of the schema's types.
  bool same_types = true;

  /// `rows`, read from the file for the columns `wanted` of the schema in their order, in
  /// the schema's types. Memory from `pool`.
  Result<std::shared_ptr<arrow::RecordBatch>> Fit(
      std::shared_ptr<arrow::RecordBatch> rows, const std::vector<int>& wanted,
      arrow::MemoryPool* pool) const;
};

/// Without `declared` the file's own columns, in layouts that every kernel knows. With
/// it those, found by their names, whose types may be wider than the file's. `first`: the
/// first file of a set, whose columns this one must have and no others, or null. Fails
/// with kParquetSchema.
Result<Columns> MapColumns(const parquet::arrow::SchemaManifest& manifest,
                           const std::shared_ptr<arrow::Schema>& declared,
                           const Columns* first, const std::string& file);

/// Is every text of `rows` valid UTF-8? Fails with kParquetInvalidUtf8, counting rows
/// from `first_row`.
Status CheckUtf8(const arrow::RecordBatch& rows, int64_t first_row,
                 const std::string& file);

}  // namespace millrace::formats::parquet_format
