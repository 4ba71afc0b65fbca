// RowRules: holds rows to the rules of the sink that they are for.
#pragma once

#include <memory>
#include <vector>

#include "millrace/data/batch.h"
#include "millrace/operators/operator.h"
#include "millrace/plan/write_node.h"
#include "millrace/runtime/not_null.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/scan.h"

namespace millrace::runtime {

/// Owned by one task. Rules are evaluated a batch at a time; rows are looked at one by
/// one only where they break a rule and become dead letters.
class RowRules {
 public:
  /// `office` and `progress` outlive it. NOT NULL of the table's columns is a rule like
  /// the others; errors::kNullNotAllowed where it fails the pipeline.
  RowRules(const plan::WriteNode& write, const operators::OperatorContext& context,
           DeadLetterOffice* office, Progress* progress);
  ~RowRules();

  /// Leaves in `batch` what breaks no rule. Fails with errors::kRuleBroken where the sink
  /// asks for that.
  Status Apply(data::Batch* batch);

 private:
  class Evaluator;
  Status SetAside(const arrow::RecordBatch& rows, const std::vector<int64_t>& broken,
                  const std::vector<const plan::RowRule*>& rules);

  const plan::TablePtr table_;
  const std::vector<plan::RowRule> rules_;
  const plan::OnInvalid on_invalid_;
  const NotNull not_null_;
  const std::unique_ptr<Evaluator> evaluator_;
  DeadLetterOffice* const office_;
  Progress* const progress_;
};

}  // namespace millrace::runtime
