// DeadLetters: where a job's dead letters go, and how many it bears.
//
// When letters become visible: their place is made durable before the sink commits, so a
// kill can't leave rows behind whose dead letters are lost. If the commit then fails, or
// a checkpointed run begins again, the same letters may come a second time: at least
// once.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/engine/dead_letter_record.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/scan.h"

namespace millrace::engine {

/// A place for dead letters. Add and Sync may be called at the same time, neither by two
/// threads.
class DeadLetterStore {
 public:
  virtual ~DeadLetterStore() = default;
  /// By shards: waits for nobody who reads the letters.
  virtual Status Add(const std::vector<DeadLetterRecord>& letters) = 0;
  /// Everything added before survives a crash, and can be seen. `last`: nothing follows.
  /// Called by the coordinating thread; may wait.
  virtual Status Sync(bool last) = 0;
  /// Sync waits for whoever takes the letters. Thread-safe.
  virtual bool waits() const { return false; }
  /// Sync need not wait any more. Thread-safe.
  virtual void GiveUp() {}
  /// For people; empty when nothing is kept.
  virtual std::string place() const = 0;
};

/// Keeps nothing: letters are only counted.
std::unique_ptr<DeadLetterStore> MakeDiscardingStore();

/// The name that stands for MakeDiscardingStore.
inline constexpr std::string_view kDiscard = "discard";

/// How many dead letters end a pipeline.
struct DeadLetterLimit {
  int64_t count = -1;  ///< more than these; −1 for no limit
  double share = -1;   ///< more than this part of all rows; −1 for no limit

  /// "100" or "0.5%"; "none" for no limit.
  static Result<DeadLetterLimit> Parse(std::string_view text);
};

/// Thread-safe, except Sync, which the coordinating thread calls.
class DeadLetters final : public runtime::DeadLetterOffice {
 public:
  DeadLetters(std::unique_ptr<DeadLetterStore> store, DeadLetterLimit limit,
              std::string pipeline, const Clock* clock);

  /// What earlier runs of the pipeline took, of how many rows: the limit is for all.
  /// Before the first Take.
  void GoOn(int64_t letters, int64_t rows);
  /// Where rows are counted: for a limit that is a share.
  void Watch(const runtime::Progress* progress) { progress_ = progress; }
  Status Take(std::span<const data::DeadLetter> letters) override;
  /// Make durable what was taken, and hold it to the limit. Before every commit that
  /// covers rows around it: for a checkpoint, before its decision.
  Status Sync(bool last) override;
  /// The pipeline is cancelled: Sync ends with kCancelled instead of waiting.
  void GiveUp() { store_->GiveUp(); }
  /// Sync waits for whoever takes the letters.
  bool waits() const { return store_->waits(); }
  std::string place() const { return store_->place(); }

 private:
  Status Check(bool last) const;
  const std::unique_ptr<DeadLetterStore> store_;
  const DeadLetterLimit limit_;
  const std::string pipeline_;
  const Clock* const clock_;
  std::atomic<const runtime::Progress*> progress_{nullptr};
  std::mutex mutex_;
  int64_t taken_ = 0;  // earlier runs included
  int64_t rows_before_ = 0;
  std::string last_reason_;
};

}  // namespace millrace::engine
