// Scan: the leaf that reads a source's splits, and what the scans of one stage share.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
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
#include "millrace/runtime/split_queue.h"

namespace millrace::runtime {

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
  std::vector<Waker> readers;  ///< of the tasks, in order; set before they run

  void AskBarrier(Epoch epoch) {
    asked.store(epoch.value, std::memory_order_release);
    WakeReaders();
  }
  void WakeReaders() const {
    for (const Waker& reader : readers) reader.Wake();
  }
  /// Does event time matter? Without a watermark it stands still, but an endless input
  /// that is at its end for now must hold nobody.
  bool timed() const { return watermark || !bounded; }
};

/// Reads splits: of a bounded source one after another, of an unbounded one several in
/// turn, as each may pause for ever; fewer where memory is small. Owned by one task.
class ScanLeaf final : public EventSource {
 public:
  /// Of the task with this number in its stage. `checkpoint`: of the task, outlives the
  /// leaf.
  ScanLeaf(std::shared_ptr<ScanShared> shared, size_t task, TaskCheckpoint* checkpoint);
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
  void ReportTime();
  void AnnounceTime();

  const std::shared_ptr<ScanShared> shared_;
  const size_t task_;
  TaskCheckpoint* const checkpoint_;
  int64_t epoch_;        // of the last barrier
  int64_t at_once_ = 1;  // splits with rows that are open
  std::vector<std::unique_ptr<Reading>> readings_;
  size_t next_ = 0;
  std::vector<SplitId> finished_;            // since the last barrier
  int64_t held_since_ = -1;                  // monotonic; −1: reading is not held back
  int64_t least_used_ = 0;                   // bytes of memory since then
  bool held_in_vain_ = false;                // nobody gave memory back the last time
  int64_t newest_ = data::event_time::kMin;  // TaskTime::newest
  int64_t announced_ = 0;                    // SplitQueue::time_version
  std::deque<operators::Event> ready_;
};

}  // namespace millrace::runtime
