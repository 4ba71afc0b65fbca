// Patience: waiting for a moment, and for an answer, without holding a thread.
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/connector/resilience/guard.h"

namespace millrace::connector::resilience {

/// Of one reader or writer; used by the task that owns it. A task looks again and again
/// while it waits, so wakers are armed once a moment.
class Patience {
 public:
  /// `guard` outlives it.
  explicit Patience(Guard* guard) : guard_(guard) {}

  /// Has `moment` not come yet? Then `waker` fires at it.
  bool WaitsUntil(int64_t moment, const Waker& waker);
  /// There was no answer. Has none come for `limit` nanoseconds (0: for ever)? If not,
  /// `waker` fires when that will be so.
  bool IsOver(int64_t limit, const Waker& waker);
  /// What IsOver counts begins now, not at its first call.
  void Begin() { since_ = guard_->Now(); }
  /// There was an answer.
  void Answered() { since_ = kNever; }

 private:
  Guard* const guard_;
  int64_t armed_ = kNever;
  int64_t since_ = kNever;
};

}  // namespace millrace::connector::resilience
