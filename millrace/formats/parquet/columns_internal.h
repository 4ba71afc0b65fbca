// How the columns of a Parquet file become those of the stream.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/formats/stored_columns.h"

namespace parquet::arrow {
struct SchemaManifest;
}

namespace millrace::formats::parquet_format {

/// Immutable.
struct Columns : StoredColumns {
  /// The column chunks in a row group, one list a field of the schema.
  std::vector<std::vector<int>> leaves;
};

/// As MapStoredColumns. Fails with kParquetSchema.
Result<Columns> MapColumns(const parquet::arrow::SchemaManifest& manifest,
                           const std::shared_ptr<arrow::Schema>& declared,
                           const Columns* first, const std::string& file);

}  // namespace millrace::formats::parquet_format
