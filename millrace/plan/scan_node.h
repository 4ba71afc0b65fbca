#pragma once

#include <optional>

#include "millrace/data/predicate.h"
#include "millrace/plan/node.h"
#include "millrace/plan/table.h"

namespace millrace::plan {

/// Reads a table. Its schema is the table's, reduced to `columns`.
class ScanNode final : public Node {
 public:
  static constexpr std::string_view kKind = "scan";

  /// `columns`: indices into the table's schema, ascending. `predicate` and `limit` are
  /// what the source may apply; the plan keeps its own filter and limit above.
  static NodePtr Make(TablePtr table, std::vector<int> columns,
                      data::PredicatePtr predicate = nullptr,
                      std::optional<int64_t> limit = std::nullopt);
  /// All columns.
  static NodePtr Make(TablePtr table);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const TablePtr& table() const { return table_; }
  const std::vector<int>& columns() const { return columns_; }
  const data::PredicatePtr& predicate() const { return predicate_; }
  std::optional<int64_t> limit() const { return limit_; }

 private:
  ScanNode(TablePtr table, std::vector<int> columns, SchemaPtr schema);
  TablePtr table_;
  std::vector<int> columns_;
  data::PredicatePtr predicate_;
  std::optional<int64_t> limit_;
};

}  // namespace millrace::plan
