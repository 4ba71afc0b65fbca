// Table: a named stream or table of the catalog: where its rows come from or go to, and
// what is known of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

namespace millrace::plan {

/// W = max(column) − delay: rows with time ≤ W are complete.
struct WatermarkSpec {
  int column = -1;  ///< index into the table's schema; a timestamp
  int64_t delay_micros = 0;
};

/// CHECK (…): bound to the rows when something is written.
struct TableCheck {
  std::string name;       ///< of CONSTRAINT; may be empty
  std::string condition;  ///< SQL
};

/// A source or sink as the catalog knows it. Immutable once it is in the catalog.
struct Table {
  std::string name;                            ///< as errors and EXPLAIN print it
  std::string connector;                       ///< "files"
  std::map<std::string, std::string> options;  ///< of WITH (…), without 'connector'
  /// The rows' schema; null for a sink that takes whatever schema is written to it.
  std::shared_ptr<arrow::Schema> schema;
  /// The schema was written by the user, so that nothing has to be inferred.
  bool declared = false;
  std::vector<std::string> primary_key;
  std::vector<TableCheck> checks;
  std::optional<WatermarkSpec> watermark;
  bool bounded = true;
  bool can_read = true;
  bool can_write = true;
};

using TablePtr = std::shared_ptr<const Table>;

}  // namespace millrace::plan
