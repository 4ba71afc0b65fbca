// Scan: the leaf that reads a source's splits, and what the scans of one stage share.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "millrace/connector/source.h"
#include "millrace/plan/table.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/not_null.h"
#include "millrace/runtime/progress.h"

namespace millrace::runtime {

/// The splits that nobody reads yet, dealt in order to the tasks that ask. Thread-safe;
/// asked once a split.
class SplitQueue {
 public:
  explicit SplitQueue(std::vector<connector::Split> splits);
  /// The next split, or none when all are dealt.
  std::optional<connector::Split> Take();
  /// No row of an unread split is older; kMax when all are dealt. Unread splits hold the
  /// watermark: without that a second file would be late as soon as the first had ended.
  int64_t unread_min_event_time() const;
  size_t size() const { return splits_.size(); }

 private:
  const std::vector<connector::Split> splits_;
  std::vector<int64_t> min_from_;  // min event time of splits_[i…]
  mutable std::mutex mutex_;
  size_t next_ = 0;
};

/// Takes the rows that readers and operators set aside. Thread-safe.
class DeadLetterOffice {
 public:
  virtual ~DeadLetterOffice() = default;
  virtual Status Take(std::span<const data::DeadLetter> letters) = 0;
};

/// What the scans of one stage share; outlives them.
struct ScanShared {
  connector::Source* source = nullptr;
  std::shared_ptr<SplitQueue> splits;
  std::optional<plan::WatermarkSpec>
      watermark;                   ///< its column indexes the rows as delivered
  std::vector<int> keep_columns;   ///< of the delivered rows; empty: all (the source took
                                   ///< the projection)
  int64_t batch_rows = 64 * 1024;  ///< rows of a batch at the most
  Progress* progress = nullptr;
  NotNull not_null;                          ///< of the rows after keep_columns
  DeadLetterOffice* dead_letters = nullptr;  ///< null: a dead letter fails the pipeline
};

/// Reads one split after another. Owned by one task.
class ScanLeaf final : public EventSource {
 public:
  explicit ScanLeaf(std::shared_ptr<const ScanShared> shared)
      : shared_(std::move(shared)) {}
  Result<bool> Pull(const Budget& budget, const Waker& waker,
                    operators::Event* out) override;

 private:
  Status OnBatch(data::Batch batch);
  void AdvanceWatermark();

  const std::shared_ptr<const ScanShared> shared_;
  std::unique_ptr<connector::SplitReader> reader_;
  connector::Split split_;
  int64_t split_watermark_ = data::event_time::kMin;
  int64_t emitted_watermark_ = data::event_time::kMin;
  bool idle_ = false;
  std::deque<operators::Event> ready_;
};

}  // namespace millrace::runtime
