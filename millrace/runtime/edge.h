// The two ends of a task: where its events come from and where they go.
#pragma once

#include "millrace/base/budget.h"
#include "millrace/base/result.h"
#include "millrace/base/waker.h"
#include "millrace/operators/event.h"

namespace millrace::runtime {

/// A leaf of a task: a scan or the receiving end of an exchange. Owned by the task, used
/// by its shard.
class EventSource {
 public:
  virtual ~EventSource() = default;
  /// The next event into `out`, or false when there is none now; then `waker` fires once
  /// it is worth asking again. After End it is not asked again. Destroying it tells
  /// whoever feeds it that nothing more is wanted.
  virtual Result<bool> Pull(const Budget& budget, const Waker& waker,
                            operators::Event* out) = 0;
};

enum class PushState {
  kAccepted,  ///< the event was taken
  kBlocked,   ///< it was not; the waker fires once it may be offered again
  kClosed,    ///< nobody wants any more: the task can stop
};

/// The root of a task: a writer or the sending end of an exchange. Owned by the task,
/// used by its shard.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// Offer `event`; it is moved from only when the answer is kAccepted. End is accepted
  /// once everything before it has arrived: sent into the rings, or prepared by the
  /// writer.
  virtual Result<PushState> Push(operators::Event& event, const Waker& waker) = 0;
  /// Nothing follows for now: pass on what was accepted and is still here. Where there is
  /// no room yet, `waker` fires when there is, and this is to be called again.
  virtual Status Drain(const Waker& waker) { return Status::OK(); }
};

}  // namespace millrace::runtime
