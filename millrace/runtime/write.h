// Write: the root that hands rows to a sink's writer.
#pragma once

#include <memory>
#include <optional>

#include "millrace/connector/sink.h"
#include "millrace/runtime/checkpoint/report.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/row_rules.h"

namespace millrace::runtime {

/// Owned by one task. A barrier is accepted once the writer has begun to prepare, so that
/// the rows of the next epoch need not wait; End when it has finished.
class WriteRoot final : public EventSink {
 public:
  /// `checkpoint`: of the task, outlives the root.
  WriteRoot(std::unique_ptr<connector::SinkWriter> writer, TaskCheckpoint* checkpoint,
            std::unique_ptr<RowRules> rules, Progress* progress);
  Result<PushState> Push(operators::Event& event, const Waker& waker) override;
  Status Drain(const Waker& waker) override;

 private:
  Result<PushState> OnEnd(const Waker& waker);
  std::unique_ptr<connector::SinkWriter> writer_;
  TaskCheckpoint* const checkpoint_;
  const std::unique_ptr<RowRules> rules_;
  Progress* const progress_;
  bool checked_ = false;                                // the batch that is offered again
  std::optional<Future<connector::CommitToken>> last_;  // of the last Prepare of all
};

}  // namespace millrace::runtime
