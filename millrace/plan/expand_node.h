#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/expr/expression.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

/// One of the sets of GROUPING SETS.
struct GroupingSet {
  std::vector<bool> has_key;  ///< for each key of the node
  int64_t id = 0;             ///< no other set of the node has it
};

/// Every row once a grouping set. Behind the columns of the input stand the keys, NULL
/// where the set leaves them out, then the id of the set, then, where `marks_rows`, true.
///
/// With `marks_rows` the end of the input adds a row of NULLs for each set without keys,
/// whose last column is false: a group that is there although no row is in it.
class ExpandNode final : public Node {
 public:
  static constexpr std::string_view kKind = "expand";
  static NodePtr Make(NodePtr input, std::vector<expr::ExprPtr> keys,
                      std::vector<std::string> key_names, std::vector<GroupingSet> sets,
                      bool marks_rows);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<expr::ExprPtr>& keys() const { return keys_; }
  const std::vector<std::string>& key_names() const { return key_names_; }
  const std::vector<GroupingSet>& sets() const { return sets_; }
  bool marks_rows() const { return marks_rows_; }

 private:
  ExpandNode(NodePtr input, std::vector<expr::ExprPtr> keys,
             std::vector<std::string> key_names, std::vector<GroupingSet> sets,
             bool marks_rows, SchemaPtr schema);

  std::vector<expr::ExprPtr> keys_;
  std::vector<std::string> key_names_;
  std::vector<GroupingSet> sets_;
  bool marks_rows_;
};

}  // namespace millrace::plan
