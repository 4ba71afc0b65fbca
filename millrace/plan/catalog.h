// Catalog: the names that SQL can use. The engine implements it; SQL only sees this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/plan/node.h"
#include "millrace/plan/table.h"

namespace millrace::plan {

/// Used by one thread at a time. Names are case-insensitive unless quoted.
class Catalog {
 public:
  virtual ~Catalog() = default;

  /// The table called `name`, with its schema resolved (a source without declared columns
  /// is asked now), or null.
  virtual Result<TablePtr> FindTable(const std::string& name) = 0;
  /// The view called `name` (CREATE STREAM … AS without a sink of its own), or null: its
  /// plan stands for its rows.
  virtual Result<NodePtr> FindView(const std::string& name) = 0;
  /// A file, folder or glob named directly in FROM.
  virtual Result<TablePtr> TableOfPath(const std::string& path) = 0;
  /// A destination named directly, as in `INSERT INTO 'out.parquet'`.
  virtual Result<TablePtr> SinkOfPath(const std::string& path) = 0;
  /// Every known name, for "did you mean".
  virtual std::vector<std::string> Names() = 0;

  /// Register; the connector and its options are checked now. A taken name fails unless
  /// `replace`.
  virtual Status AddTable(Table table, bool replace) = 0;
  virtual Status AddView(const std::string& name, NodePtr plan, bool replace) = 0;
  virtual Status Drop(const std::string& name, bool if_exists) = 0;
};

}  // namespace millrace::plan
