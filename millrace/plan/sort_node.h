#pragma once

#include <optional>

#include "millrace/expr/expression.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

struct SortKey {
  expr::ExprPtr expression;
  bool descending = false;
  bool nulls_first = false;
};

/// Orders a bounded input, keeping only the first `limit` rows after `offset` when it is
/// given (top-N).
class SortNode final : public Node {
 public:
  static constexpr std::string_view kKind = "sort";
  static NodePtr Make(NodePtr input, std::vector<SortKey> keys,
                      std::optional<int64_t> limit = std::nullopt, int64_t offset = 0);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<SortKey>& keys() const { return keys_; }
  std::optional<int64_t> limit() const { return limit_; }
  int64_t offset() const { return offset_; }

 private:
  SortNode(NodePtr input, SchemaPtr schema);
  std::vector<SortKey> keys_;
  std::optional<int64_t> limit_;
  int64_t offset_ = 0;
};

}  // namespace millrace::plan
