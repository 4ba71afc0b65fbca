// Scan: the leaf that reads a source's splits, and what the scans of one stage share.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/timers.h"
#include "millrace/connector/source.h"
#include "millrace/plan/table.h"
#include "millrace/runtime/checkpoint/report.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/not_null.h"
#include "millrace/runtime/progress.h"

namespace millrace::runtime {

/// The splits that nobody reads yet, dealt in order to the tasks that ask. Thread-safe;
/// asked once a split.
class SplitQueue {
 public:
  void Add(std::vector<connector::SplitState> splits);
  /// The next split, or none when all are dealt.
  std::optional<connector::SplitState> Take();
  /// No row of an unread split is older; kMax when all are dealt. Unread splits hold the
  /// watermark: without that a second file would be late as soon as the first had ended.
  int64_t unread_min_event_time() const;
  bool empty() const;

 private:
  struct Unread {
    connector::SplitState state;
    int64_t min_event_time;
  };
  mutable std::mutex mutex_;
  std::deque<Unread> unread_;
  std::multiset<int64_t> min_event_times_;  // of unread_
};

/// Takes the rows that readers and operators set aside. Thread-safe.
class DeadLetterOffice {
 public:
  virtual ~DeadLetterOffice() = default;
  virtual Status Take(std::span<const data::DeadLetter> letters) = 0;
  /// Make what was taken survive the process. Called by the coordinating thread before an
  /// epoch is decided; `last`: nothing follows.
  virtual Status Sync(bool last) = 0;
};

/// What the scans of one stage share; outlives them.
struct ScanShared {
  int ordinal = 0;  ///< among the pipeline's scans
  connector::Source* source = nullptr;
  std::string table, connector;  ///< what the source belongs to, for dead letters
  std::shared_ptr<SplitQueue> splits;
  bool bounded = true;
  /// A barrier waits for the end of a split: where several tasks read and a gather keeps
  /// the order of splits, so that an epoch ends at the same split for all.
  bool barrier_after_split = false;
  std::optional<plan::WatermarkSpec>
      watermark;                   ///< its column indexes the rows as delivered
  std::vector<int> keep_columns;   ///< of the delivered rows; empty: all (the source took
                                   ///< the projection)
  int64_t batch_rows = 64 * 1024;  ///< rows of a batch at the most
  Progress* progress = nullptr;
  NotNull not_null;                          ///< of the rows after keep_columns
  DeadLetterOffice* dead_letters = nullptr;  ///< null: a dead letter fails the pipeline

  /// Null in tests: reading is never held back.
  std::shared_ptr<MemoryBudget> memory;
  const Clock* clock = nullptr;
  Timers* timers = nullptr;

  /// The newest epoch whose barrier was asked for; the scans put it out when they can.
  std::atomic<int64_t> asked{0};
  std::vector<Waker> readers;  ///< of the tasks; set before they run

  void AskBarrier(Epoch epoch) {
    asked.store(epoch.value, std::memory_order_release);
    WakeReaders();
  }
  void WakeReaders() const {
    for (const Waker& reader : readers) reader.Wake();
  }
};

/// Reads splits: of a bounded source one after another, of an unbounded one several in
/// turn, as each may pause for ever. Owned by one task.
class ScanLeaf final : public EventSource {
 public:
  /// `checkpoint`: of the task, outlives the leaf.
  ScanLeaf(std::shared_ptr<ScanShared> shared, TaskCheckpoint* checkpoint)
      : shared_(std::move(shared)),
        checkpoint_(checkpoint),
        epoch_(checkpoint->epoch().value - 1) {}
  ~ScanLeaf() override;
  Result<bool> Pull(const Budget& budget, const Waker& waker,
                    operators::Event* out) override;

 private:
  class SplitWake;
  struct Reading {
    connector::SplitState state;  // as far as its rows were given
    std::unique_ptr<connector::SplitReader> reader;
    std::shared_ptr<SplitWake> wake;
    bool idle = false;
    bool in_transaction = false;
  };

  bool HeldBack(const Waker& waker);
  Result<bool> TakeSplit(const Waker& waker);
  bool BarrierDue() const;
  void PutBarrier(operators::Event* out);
  Reading* NextAwake();
  Status Poll(Reading& reading, const Budget& budget);
  Status OnBatch(Reading& reading, data::Batch batch);
  void OnCaughtUp(Reading& reading);
  void OnEnd(Reading& reading);
  void AdvanceWatermark();

  const std::shared_ptr<ScanShared> shared_;
  TaskCheckpoint* const checkpoint_;
  int64_t epoch_;  // of the last barrier
  std::vector<std::unique_ptr<Reading>> readings_;
  size_t next_ = 0;
  std::vector<SplitId> finished_;  // since the last barrier
  int64_t held_since_ = -1;        // monotonic; −1: reading is not held back
  int64_t least_used_ = 0;         // bytes of memory since then
  bool held_in_vain_ = false;      // nobody gave memory back the last time
  int64_t emitted_watermark_ = data::event_time::kMin;
  bool emitted_idle_ = false;
  std::deque<operators::Event> ready_;
};

}  // namespace millrace::runtime
