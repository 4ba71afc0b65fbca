#pragma once

#include <string>

#include "millrace/plan/node.h"

namespace millrace::plan {

/// Rows with what each does as a last column, a VARCHAR that is +I, -U, +U or -D: so that
/// whoever only takes rows can have those that change. The rows themselves change no
/// more.
class ChangelogNode final : public Node {
 public:
  static constexpr std::string_view kKind = "changelog";
  static NodePtr Make(NodePtr input, std::string column);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override { return column_; }
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

 private:
  ChangelogNode(NodePtr input, std::string column, SchemaPtr schema);
  std::string column_;
};

}  // namespace millrace::plan
