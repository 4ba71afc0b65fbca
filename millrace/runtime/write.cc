#include "millrace/runtime/write.h"

#include "millrace/base/error.h"

namespace millrace::runtime {

WriteRoot::WriteRoot(std::unique_ptr<connector::SinkWriter> writer, Epoch epoch,
                     std::shared_ptr<Tokens> tokens, NotNull not_null, Progress* progress)
    : writer_(std::move(writer)),
      epoch_(epoch),
      tokens_(std::move(tokens)),
      not_null_(std::move(not_null)),
      progress_(progress) {}

Result<PushState> WriteRoot::Push(operators::Event& event, const Waker& waker) {
  if (const auto* batch = std::get_if<data::Batch>(&event)) {
    ARROW_RETURN_NOT_OK(not_null_.Check(*batch->rows));
    ARROW_ASSIGN_OR_RAISE(connector::WriteState state, writer_->Write(*batch, waker));
    if (state == connector::WriteState::kBlocked) return PushState::kBlocked;
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
  if (!std::holds_alternative<operators::End>(event)) return PushState::kAccepted;
  if (!prepared_) {
    prepared_ = writer_->Prepare(epoch_, /*last=*/true);
    if (!prepared_->is_finished()) {
      prepared_->AddCallback(
          [waker](const Result<connector::CommitToken>&) { waker.Wake(); });
    }
  }
  if (!prepared_->is_finished()) return PushState::kBlocked;
  ARROW_ASSIGN_OR_RAISE(connector::CommitToken token, prepared_->result());
  tokens_->Add(std::move(token));
  writer_.reset();
  return PushState::kAccepted;
}

}  // namespace millrace::runtime
