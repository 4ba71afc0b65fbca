#pragma once

#include "millrace/expr/expression.h"
#include "millrace/plan/node.h"

namespace millrace::plan {

enum class JoinType { kInner, kLeft, kRight, kFull, kSemi, kAnti };
const char* JoinTypeName(JoinType type);

/// Equi-join. The right input is the build side: it is bounded and read to its end before
/// the first row of the left (probe) side, which may be a stream. NULL keys match
/// nothing. Output columns: the left ones, then the right ones (for kSemi and kAnti the
/// left ones only); columns of a side that may be missing are nullable. kRight and kFull
/// need a bounded left input.
class JoinNode final : public Node {
 public:
  static constexpr std::string_view kKind = "join";

  /// `left_keys[i] = right_keys[i]` for all i; none means a cross join. `residual` (or
  /// null) is over the output columns and decides which key matches count.
  static NodePtr Make(NodePtr left, NodePtr right, JoinType type,
                      std::vector<expr::ExprPtr> left_keys,
                      std::vector<expr::ExprPtr> right_keys,
                      expr::ExprPtr residual = nullptr);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  JoinType type() const { return type_; }
  const std::vector<expr::ExprPtr>& left_keys() const { return left_keys_; }
  const std::vector<expr::ExprPtr>& right_keys() const { return right_keys_; }
  const expr::ExprPtr& residual() const { return residual_; }

 private:
  JoinNode(NodePtr left, NodePtr right, SchemaPtr schema);
  JoinType type_ = JoinType::kInner;
  std::vector<expr::ExprPtr> left_keys_;
  std::vector<expr::ExprPtr> right_keys_;
  expr::ExprPtr residual_;
};

}  // namespace millrace::plan
