// Operator: a step of a task. CPU work only, single-threaded; waiting belongs to the
// runtime.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/budget.h"
#include "millrace/base/clock.h"
#include "millrace/base/memory_budget.h"
#include "millrace/operators/event.h"
#include "millrace/operators/spill/spill_space.h"
#include "millrace/state/operator_state.h"

namespace millrace::operators {

/// What an operator answers.
enum class OpState {
  kNeedInput,  ///< the event is used up: give the next one, from a port that wants() one
  kHasOutput,  ///< there is more to put out: call again without an event
  kDone,  ///< End has been put out; no further event is wanted (a LIMIT was reached, or
          ///< the input ended)
};

/// An event and the input that it came from.
struct Input {
  int port = 0;
  Event event;
};

/// Where an operator puts what it makes, in order.
class Output {
 public:
  void Push(Event event) { events_.push_back(std::move(event)); }
  std::vector<Event>& events() { return events_; }

 private:
  std::vector<Event> events_;
};

/// Rows that operators leave out, written by shards, read by whoever reports.
struct RowCounters {
  std::atomic<int64_t> late{0};          ///< their window had been closed
  std::atomic<int64_t> without_time{0};  ///< their event time was NULL
};

/// Takes rows that came too late for their windows. Thread-safe.
class LateRows {
 public:
  virtual ~LateRows() = default;
  virtual Status Take(const arrow::RecordBatch& rows) = 0;
};

/// What an operator gets from its surroundings; outlives it.
struct OperatorContext {
  std::shared_ptr<MemoryBudget> memory;
  const Clock* clock = nullptr;
  RowCounters* counters = nullptr;
  LateRows* late_rows = nullptr;   ///< where windows may set them aside
  int64_t statement_micros = 0;    ///< NOW() of a bounded query
  int64_t batch_rows = 64 * 1024;  ///< rows of the batches that an operator makes itself
  /// Snapshots will be asked for: worth noting what changes between them.
  bool checkpointed = false;
  /// Where aggregations and sorts put what memory has no room for. Null: they fail with
  /// errors::kMemoryExceeded.
  SpillSpace* spill = nullptr;
};

/// One step. Owned by a task and used by the shard that runs it.
class Operator {
 public:
  virtual ~Operator() = default;

  /// Use `in` (null: go on after kHasOutput), put results into `out`. One call does a
  /// bounded piece of work: an operator with much to say answers kHasOutput between
  /// batches. Every event that is not rows is passed on in order, after whatever it makes
  /// due (a watermark closes windows first).
  virtual Result<OpState> Run(Input* in, Output& out, const Budget& budget) = 0;

  /// The moment of the monotonic clock, in nanoseconds, from which on the operator is to
  /// be run although there is no event for it. Asked after each Run.
  virtual int64_t due_nanos() const { return kNeverDue; }
  static constexpr int64_t kNeverDue = std::numeric_limits<int64_t>::max();

  /// Does the operator want an event from `port` next? A join reads its build side first.
  /// One with several inputs passes a barrier on once every input has met it, and wants
  /// nothing from an input that waits at one.
  virtual bool wants(int port) const { return true; }

  /// Leave in `out` what must survive a restart. Called right after the operator has put
  /// out a barrier, so that exactly the rows before it count. Cheap: what is large is
  /// given by reference and written elsewhere. Operators without state say nothing.
  virtual Status Snapshot(state::OperatorSnapshot& out) { return Status::OK(); }
  /// Take up what Snapshot left, perhaps among another number of tasks. Called at most
  /// once, before the first Run.
  virtual Status Restore(const state::OperatorState& state) { return Status::OK(); }
};

/// The common form: one input, rows in, rows out; everything else is passed on.
class UnaryOperator : public Operator {
 public:
  Result<OpState> Run(Input* in, Output& out, const Budget& budget) override;

 protected:
  /// Use one batch. kHasOutput asks for Continue.
  virtual Result<OpState> OnBatch(data::Batch batch, Output& out) = 0;
  /// Make due what the watermark completes. kHasOutput asks for Continue; the watermark
  /// is passed on after that.
  virtual Result<OpState> OnWatermark(const Watermark& watermark, Output& out) {
    return OpState::kNeedInput;
  }
  /// What is passed on of a watermark, once what it makes due is out: less where rows up
  /// to it stay behind.
  virtual Watermark Passed(const Watermark& watermark) { return watermark; }
  /// Put out what must not stay behind in this epoch; state that is snapshot may stay.
  virtual Result<OpState> OnBarrier(Output& out) { return OpState::kNeedInput; }
  /// Make due what the end of input completes.
  virtual Result<OpState> OnEnd(Output& out) { return OpState::kNeedInput; }
  /// Go on with what was left, or with what has become due.
  virtual Result<OpState> Continue(Output& out) { return OpState::kNeedInput; }

 private:
  std::unique_ptr<Event> held_;  // passed on once the operator has put out what was due
};

}  // namespace millrace::operators
