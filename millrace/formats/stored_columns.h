// How the columns that a file stores with names and types become those of the stream.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/error.h"

namespace millrace::formats {

/// Metadata of a field whose file says that it was a dictionary: the writer says so
/// again.
inline constexpr const char kDictionaryMark[] = "millrace.dictionary";

/// What the stream is said to have, and where the file keeps it. Immutable.
struct StoredColumns {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::Schema> own;  ///< what the file itself has, in usual layouts
  std::vector<int> fields;             ///< of the file, one a field of the schema
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

/// `stored`: what the file's reader gives. Without `declared` these columns, in layouts
/// that every kernel knows. With it those, found by their names, whose types may be wider
/// than the file's. `first`: the first file of a set, whose columns this one must have
/// and no others, or null. Fails with `differs`.
Result<StoredColumns> MapStoredColumns(const arrow::Schema& stored,
                                       const std::shared_ptr<arrow::Schema>& declared,
                                       const StoredColumns* first,
                                       const std::string& file, const ErrorSpec& differs);

/// Is every text of `rows` valid UTF-8? Fails with `invalid`, counting rows from
/// `first_row`.
Status CheckUtf8(const arrow::RecordBatch& rows, int64_t first_row,
                 const std::string& file, const ErrorSpec& invalid);

}  // namespace millrace::formats
