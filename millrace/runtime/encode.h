// EncodingRoot: encodes rows for a sink on the task that has them, before a gather.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "millrace/data/row_encoder.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/row_rules.h"

namespace millrace::runtime {

/// A root in front of another one: batches become encoded rows, everything else is passed
/// on behind them. Owned by one task.
class EncodingRoot final : public EventSink {
 public:
  EncodingRoot(std::unique_ptr<data::RowEncoder> encoder, std::unique_ptr<RowRules> rules,
               std::unique_ptr<EventSink> next);
  Result<PushState> Push(operators::Event& event, const Waker& waker) override;
  Status Drain(const Waker& waker) override;

 private:
  void Keep(std::vector<data::EncodedRows> pieces);
  Result<PushState> HandOn(const Waker& waker);
  const std::unique_ptr<data::RowEncoder> encoder_;
  const std::unique_ptr<RowRules> rules_;
  const std::unique_ptr<EventSink> next_;
  std::deque<operators::Event> pending_;  // taken, not yet accepted by next_
};

}  // namespace millrace::runtime
