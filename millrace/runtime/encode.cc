#include "millrace/runtime/encode.h"

#include <utility>

namespace millrace::runtime {

EncodingRoot::EncodingRoot(std::unique_ptr<data::RowEncoder> encoder,
                           std::unique_ptr<RowRules> rules,
                           std::unique_ptr<EventSink> next)
    : encoder_(std::move(encoder)), rules_(std::move(rules)), next_(std::move(next)) {}

void EncodingRoot::Keep(std::vector<data::EncodedRows> pieces) {
  for (data::EncodedRows& piece : pieces) pending_.emplace_back(std::move(piece));
}

Result<PushState> EncodingRoot::HandOn(const Waker& waker) {
  while (!pending_.empty()) {
    ARROW_ASSIGN_OR_RAISE(PushState state, next_->Push(pending_.front(), waker));
    if (state != PushState::kAccepted) return state;
    pending_.pop_front();
  }
  return PushState::kAccepted;
}

Result<PushState> EncodingRoot::Push(operators::Event& event, const Waker& waker) {
  ARROW_ASSIGN_OR_RAISE(PushState state, HandOn(waker));
  if (state != PushState::kAccepted) return state;
  std::vector<data::EncodedRows> pieces;
  if (auto* batch = std::get_if<data::Batch>(&event)) {
    ARROW_RETURN_NOT_OK(rules_->Apply(batch));
    ARROW_RETURN_NOT_OK(encoder_->Encode(batch->rows, &pieces));
    Keep(std::move(pieces));
    event = operators::End{};  // let go of the rows now, not when the queue moves on
    // What is pending now belongs to us; a full ring is met at the next push.
    ARROW_ASSIGN_OR_RAISE(state, HandOn(waker));
    return state == PushState::kClosed ? state : PushState::kAccepted;
  }
  // A writer asks for no watermark; all else ends a piece, or the rows of two splits
  // would be put in order together.
  if (!std::holds_alternative<operators::Watermark>(event)) {
    ARROW_RETURN_NOT_OK(encoder_->Flush(&pieces));
    Keep(std::move(pieces));
    ARROW_ASSIGN_OR_RAISE(state, HandOn(waker));
    if (state != PushState::kAccepted) return state;
  }
  return next_->Push(event, waker);
}

Status EncodingRoot::Drain(const Waker& waker) {
  ARROW_RETURN_NOT_OK(HandOn(waker).status());
  return next_->Drain(waker);
}

}  // namespace millrace::runtime
