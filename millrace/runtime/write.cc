#include "millrace/runtime/write.h"

#include <utility>

#include "millrace/base/failpoint.h"

namespace millrace::runtime {

WriteRoot::WriteRoot(std::unique_ptr<connector::SinkWriter> writer,
                     TaskCheckpoint* checkpoint, std::unique_ptr<RowRules> rules,
                     Progress* progress)
    : writer_(std::move(writer)),
      checkpoint_(checkpoint),
      rules_(std::move(rules)),
      progress_(progress) {}

Result<PushState> WriteRoot::Push(operators::Event& event, const Waker& waker) {
  if (auto* batch = std::get_if<data::Batch>(&event)) {
    if (!std::exchange(checked_, true)) ARROW_RETURN_NOT_OK(rules_->Apply(batch));
    if (batch->num_rows() == 0) {
      checked_ = false;
      event = operators::End{};
      return PushState::kAccepted;
    }
    ARROW_ASSIGN_OR_RAISE(connector::WriteState state, writer_->Write(*batch, waker));
    if (state == connector::WriteState::kBlocked) return PushState::kBlocked;
    checked_ = false;
    progress_->rows_written.fetch_add(batch->num_rows(), std::memory_order_relaxed);
    event = operators::End{};  // let go of the rows now, not when the queue moves on
    return PushState::kAccepted;
  }
  if (const auto* encoded = std::get_if<data::EncodedRows>(&event)) {
    ARROW_ASSIGN_OR_RAISE(connector::WriteState state,
                          writer_->WriteEncoded(*encoded, waker));
    if (state == connector::WriteState::kBlocked) return PushState::kBlocked;
    progress_->rows_written.fetch_add(encoded->rows, std::memory_order_relaxed);
    event = operators::End{};
    return PushState::kAccepted;
  }
  if (std::holds_alternative<operators::Barrier>(event)) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.barrier"));
    checkpoint_->Add(writer_->Prepare(checkpoint_->epoch(), /*last=*/false));
    return PushState::kAccepted;
  }
  if (std::holds_alternative<operators::End>(event)) return OnEnd(waker);
  return PushState::kAccepted;
}

Status WriteRoot::Drain(const Waker& waker) {
  return writer_ ? writer_->Tend(waker) : Status::OK();
}

Result<PushState> WriteRoot::OnEnd(const Waker& waker) {
  if (!last_) {
    last_ = writer_->Prepare(checkpoint_->epoch(), /*last=*/true);
    checkpoint_->Add(*last_);
    if (!last_->is_finished()) {
      last_->AddCallback(
          [waker](const Result<connector::CommitToken>&) { waker.Wake(); });
    }
  }
  if (!last_->is_finished()) return PushState::kBlocked;
  ARROW_RETURN_NOT_OK(last_->status());
  writer_.reset();
  return PushState::kAccepted;
}

}  // namespace millrace::runtime
