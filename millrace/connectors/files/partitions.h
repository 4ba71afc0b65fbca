// Partitions: rows by the values of some columns, and the folders that bear those values
// as Hive and Spark name them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::files {

/// The folder of NULL, and of the empty text, which has no name of its own.
inline constexpr std::string_view kNullPartition = "__HIVE_DEFAULT_PARTITION__";

/// `text` with the characters that mean something in a path, and those that Hive escapes,
/// as %XX.
std::string EscapedPartition(std::string_view text);

/// Parts rows by partition columns. Immutable.
class Partitions {
 public:
  /// Rows of one partition, in their order.
  struct Part {
    std::string folder;  ///< "year=2024/country=DE"; "" without partition columns
    std::shared_ptr<arrow::RecordBatch> rows;  ///< without the partition columns
  };

  /// `columns`: names divided by commas, "" for none. Fails with kPartitionColumn.
  static Result<Partitions> Make(const std::string& columns,
                                 const std::shared_ptr<arrow::Schema>& schema);

  bool empty() const { return columns_.empty(); }
  /// What the files hold: the columns that are not in the folders' names.
  const std::shared_ptr<arrow::Schema>& file_schema() const { return file_schema_; }
  /// The rows by partition, in the order of their first appearance. Memory from `pool`.
  Result<std::vector<Part>> Split(const std::shared_ptr<arrow::RecordBatch>& rows,
                                  arrow::MemoryPool* pool) const;

 private:
  std::vector<int> columns_;  // indices into the schema
  std::vector<std::string> labels_;
  std::vector<int> kept_;
  std::shared_ptr<arrow::Schema> file_schema_;
};

}  // namespace millrace::files
