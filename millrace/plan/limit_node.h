#pragma once

#include "millrace/plan/node.h"

namespace millrace::plan {

/// The first `limit` rows after `offset`, then the input is told to stop.
class LimitNode final : public Node {
 public:
  static constexpr std::string_view kKind = "limit";
  static NodePtr Make(NodePtr input, int64_t limit, int64_t offset = 0);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  int64_t limit() const { return limit_; }
  int64_t offset() const { return offset_; }

 private:
  LimitNode(NodePtr input, int64_t limit, int64_t offset);
  int64_t limit_;
  int64_t offset_;
};

}  // namespace millrace::plan
