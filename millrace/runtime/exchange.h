// Exchange: moves events between the tasks of two stages.
//
// One ring per (sending task, receiving task). Each ring has exactly one writer and one
// reader, so it needs no lock. The sender scatters every batch once; the receiver merges
// watermarks by minimum, aligns barriers, and, where the order of splits matters, takes
// the rings' rows in that order.
#pragma once

#include <memory>
#include <vector>

#include "millrace/plan/exchange_node.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/ring.h"

namespace millrace::runtime {

using RingPtr = std::shared_ptr<Ring>;

/// The sending end of one task. Owned and used by one shard.
class ExchangeSender final : public EventSink {
 public:
  /// `rings[i]` leads to receiving task i. `keys` are the columns that deal rows for
  /// kHash.
  ExchangeSender(plan::ExchangeKind kind, std::vector<int> keys,
                 std::vector<RingPtr> rings, arrow::MemoryPool* pool);
  Result<PushState> Push(operators::Event& event, const Waker& waker) override;
  Status Drain(const Waker& waker) override;

 private:
  struct Pending {
    size_t ring;
    operators::Event event;
    int64_t bytes;
  };
  void ReleaseHeld();
  Result<PushState> Flush();
  Status Deal(data::Batch batch);

  const plan::ExchangeKind kind_;
  const std::vector<int> keys_;
  const std::vector<RingPtr> rings_;
  arrow::MemoryPool* const pool_;
  std::vector<Pending> pending_;  // taken, not yet accepted by their rings; in order
  std::vector<bool> closed_;
  std::vector<operators::Watermark>
      held_;  // newest watermark that a crowded ring has not been sent
  std::vector<bool> holds_;
};

/// The receiving end of one task. Owned and used by one shard.
class ExchangeReceiver final : public EventSource {
 public:
  /// `rings[i]` comes from sending task i. `in_split_order`: the senders announce
  /// ascending splits with SplitBegin, and rows are taken in the order of splits.
  ExchangeReceiver(std::vector<RingPtr> rings, bool in_split_order);
  ~ExchangeReceiver() override;
  Result<bool> Pull(const Budget& budget, const Waker& waker,
                    operators::Event* out) override;

 private:
  struct Sender {
    RingPtr ring;
    operators::Watermark time;
    bool ended = false;
    bool at_barrier = false;
    SplitId split{-1};
  };
  /// The next event of `sender`, or false. Sets `*emit` when it is for our task.
  bool Take(Sender& sender, operators::Event* out, bool* emit);
  bool MergedWatermark(operators::Event* out);
  bool BarrierComplete() const;
  bool PassBarrier(operators::Event* out);

  std::vector<Sender> senders_;
  const bool in_split_order_;
  size_t next_ = 0;
  operators::Watermark emitted_;
  operators::Barrier barrier_;
  bool barrier_due_ = false;  // the watermark before it was put out
};

}  // namespace millrace::runtime
