#pragma once

#include "millrace/plan/node.h"

namespace millrace::plan {

/// Constant rows: VALUES, and the single row of a SELECT without FROM.
class ValuesNode final : public Node {
 public:
  static constexpr std::string_view kKind = "values";
  static NodePtr Make(std::shared_ptr<arrow::RecordBatch> rows);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::shared_ptr<arrow::RecordBatch>& rows() const { return rows_; }

 private:
  explicit ValuesNode(std::shared_ptr<arrow::RecordBatch> rows);
  std::shared_ptr<arrow::RecordBatch> rows_;
};

}  // namespace millrace::plan
