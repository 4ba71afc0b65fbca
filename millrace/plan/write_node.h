#pragma once

#include <vector>

#include "millrace/plan/node.h"
#include "millrace/plan/row_rule.h"
#include "millrace/plan/table.h"

namespace millrace::plan {

/// Writes its input to a sink: the root of every plan that moves rows somewhere. The
/// input's columns are the sink's.
class WriteNode final : public Node {
 public:
  static constexpr std::string_view kKind = "write";
  static NodePtr Make(NodePtr input, TablePtr table, std::vector<RowRule> rules = {},
                      OnInvalid on_invalid = OnInvalid::kFail);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const TablePtr& table() const { return table_; }
  const std::vector<RowRule>& rules() const { return rules_; }
  OnInvalid on_invalid() const { return on_invalid_; }
  /// The same write of other rows to another table.
  NodePtr WithTable(NodePtr input, TablePtr table) const;

  /// Fails with kColumnTwice: most readers could not tell such columns apart.
  Status CheckNames() const;

 private:
  WriteNode(NodePtr input, TablePtr table, std::vector<RowRule> rules,
            OnInvalid on_invalid);
  TablePtr table_;
  std::vector<RowRule> rules_;
  OnInvalid on_invalid_;
};

}  // namespace millrace::plan
