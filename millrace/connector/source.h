// Source and SplitReader: where rows come from.
//
// A Source belongs to one pipeline and is called by one thread at a time, the engine's
// coordinating one, except Open, which shards call. A SplitReader belongs to one task and
// is driven by its shard. Neither ever waits: what blocks (client libraries, pipes) runs
// on the context's executor and wakes the task.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/budget.h"
#include "millrace/base/result.h"
#include "millrace/base/waker.h"
#include "millrace/connector/report.h"
#include "millrace/data/batch.h"
#include "millrace/data/dead_letter.h"
#include "millrace/data/predicate.h"
#include "millrace/data/schema_change.h"

namespace millrace::connector {

/// A part of a source that is read in order by one reader at a time.
struct Split {
  SplitId id{0};            ///< its ordinal in the answer of Discover
  std::string name;         ///< for people: "flights.csv[0..8388608)"
  std::string description;  ///< opaque to everyone but the source; serialisable
  int64_t approximate_bytes = 0;
  int64_t approximate_rows = -1;  ///< -1: not known
  /// No row of the split is older (event-time microseconds); event_time::kMin when
  /// nothing is known.
  int64_t min_event_time = data::event_time::kMin;
};

/// What a checkpoint says of a split that is not finished.
struct SplitState {
  Split split;
  data::Position position;  ///< empty: nothing was read of it
  /// Event time up to which its rows were complete; event_time::kMin when unknown.
  int64_t watermark = data::event_time::kMin;
};

using data::SchemaChange;

enum class PollState {
  kBatch,         ///< `batch` holds rows
  kSchemaChange,  ///< `schema_change` is set
  kPending,       ///< nothing now; the waker fires when there is
  kCaughtUp,      ///< at the end of the log now: this split is idle until the waker fires
  kEnd,           ///< the split is finished for good
};

struct PollResult {
  PollState state = PollState::kEnd;
  data::Batch batch;
  std::shared_ptr<const SchemaChange> schema_change;
  std::vector<data::DeadLetter>
      dead_letters;        ///< rows set aside since the last Poll, in any state
  int64_t bytes_read = 0;  ///< from outside, since the last Poll
};

/// Reads one split.
class SplitReader {
 public:
  virtual ~SplitReader() = default;
  /// About `budget` of rows. Never waits. After kPending or kCaughtUp `waker` fires once
  /// there is something to see.
  virtual Result<PollResult> Poll(const Budget& budget, const Waker& waker) = 0;
  /// Continue after `position`. Called before the first Poll.
  virtual Status Seek(const data::Position& position) = 0;
};

/// What the source was asked to do instead of the engine, and how much of it it took.
struct Pushdown {
  std::optional<std::vector<int>>
      columns;                   ///< indices into the schema, ascending; absent: all
  data::PredicatePtr predicate;  ///< null: none
  std::optional<int64_t> limit;  ///< rows in total that anybody will read
  /// Index into the schema of the column that carries event time; Discover then says of
  /// every split what is known of its minimum.
  std::optional<int> event_time;
};
struct Accepted {
  bool columns = false;          ///< batches hold the asked columns only
  bool predicate_exact = false;  ///< no row that fails the predicate is delivered
  bool limit = false;
};

enum class Replay {
  kSeek,       ///< a reader can continue at any position it gave out
  kRedeliver,  ///< what is not acknowledged comes again
  kNever,      ///< what was read is gone
};

/// A request from outside to a running source.
enum class Command { kPause, kResume };

class Source {
 public:
  virtual ~Source() = default;

  /// The schema of the rows; inferred or fetched once, then remembered.
  virtual Result<std::shared_ptr<arrow::Schema>> InferSchema() = 0;
  /// What there is to read now, in reading order. An unbounded source is asked again when
  /// it has waked for new splits; it then answers those that it did not tell before, with
  /// ids that go on from the last.
  virtual Result<std::vector<Split>> Discover() = 0;
  /// Unbounded sources: `waker` fires whenever Discover has something new to tell. Called
  /// once, after the first Discover.
  virtual void WakeOnNewSplits(Waker waker) {}
  /// What the source must remember of its search for splits beyond the splits that are
  /// unfinished (which files it has met); small, opaque to everyone else. Asked after
  /// each Discover.
  virtual Result<std::string> DiscoveryState() { return std::string(); }
  /// Go on where an earlier run stopped: called before the first Discover, which then
  /// tells `unfinished` (under their ids, as far as they can still be read) and what is
  /// new. Fails where the outside has changed so that going on would lose or repeat rows.
  virtual Status Restore(const std::string& discovery_state,
                         const std::vector<SplitState>& unfinished) = 0;
  /// Before InferSchema, where a Restore will follow: what it will tell. Columns that are
  /// inferred are then those of the run before, whatever is there now. What can't be read
  /// is Restore's to report.
  virtual void ExpectRestore(const std::string& discovery_state) {}
  /// Would a file that appears at `path` while it reads be input?
  virtual bool WouldRead(const std::string& path) const { return false; }
  /// Look for everything that would fail later (permissions, missing tables) and report
  /// all of it at once.
  virtual Status Preflight(Report& report) = 0;
  /// Prepare the outside system (publications, slots). Harmless when it is done already.
  virtual Status Setup() = 0;
  /// Undo Setup, when the pipeline is removed for good.
  virtual Status Teardown() = 0;
  /// Called once, before the first Open. Discover may tell more of the splits afterwards,
  /// and may cut those of a run that restores nothing differently.
  virtual Accepted Push(const Pushdown& pushdown) = 0;
  /// Known without reading anything.
  virtual Replay replay() const = 0;
  /// Is there an end? A bounded source's splits end with kEnd.
  /// Do the readers of an endless source come to their end for now? Where they never do,
  /// all splits are to be read in turn.
  virtual bool splits_pause() const { return true; }
  virtual bool bounded() const = 0;
  /// Thread-safe.
  virtual Result<std::unique_ptr<SplitReader>> Open(const Split& split) = 0;
  /// The rows up to these positions are durable in every sink and will never be asked for
  /// again.
  virtual void Acknowledge(
      const std::vector<std::pair<SplitId, data::Position>>& positions) = 0;
  virtual Status Control(Command command) = 0;
};

}  // namespace millrace::connector
