#include "millrace/operators/operator.h"

namespace millrace::operators {

Result<OpState> UnaryOperator::Run(Input* in, Output& out, const Budget& budget) {
  OpState state = OpState::kNeedInput;
  if (in == nullptr) {
    ARROW_ASSIGN_OR_RAISE(state, Continue(out));
  } else if (auto* batch = std::get_if<data::Batch>(&in->event)) {
    return OnBatch(std::move(*batch), out);
  } else if (const auto* watermark = std::get_if<Watermark>(&in->event)) {
    held_ = std::make_unique<Event>(*watermark);
    // One that is idle may have come further, too.
    ARROW_ASSIGN_OR_RAISE(state, OnWatermark(*watermark, out));
  } else if (const auto* barrier = std::get_if<Barrier>(&in->event)) {
    held_ = std::make_unique<Event>(*barrier);
    ARROW_ASSIGN_OR_RAISE(state, OnBarrier(out));
  } else if (std::holds_alternative<End>(in->event)) {
    held_ = std::make_unique<Event>(End{});
    ARROW_ASSIGN_OR_RAISE(state, OnEnd(out));
  } else {
    out.Push(std::move(in->event));
    return OpState::kNeedInput;
  }
  if (state == OpState::kNeedInput && held_) {
    const bool ended = std::holds_alternative<End>(*held_);
    if (const auto* watermark = std::get_if<Watermark>(held_.get()))
      *held_ = Passed(*watermark);
    out.Push(std::move(*held_));
    held_.reset();
    if (ended) return OpState::kDone;
  }
  return state;
}

}  // namespace millrace::operators
