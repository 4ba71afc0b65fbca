// Sink, SinkWriter, Committer: where rows go, and how they become visible there exactly
// once.
//
// Writers of one sink work in parallel, each owned by one task and driven by its shard.
// The committer is called by the engine's coordinating thread, one call at a time. Rows
// become visible only by Commit (except for class kNone); a writer or a sink that is
// destroyed without it leaves nothing under a final name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/future.h"
#include "millrace/base/ids.h"
#include "millrace/base/result.h"
#include "millrace/base/waker.h"
#include "millrace/connector/report.h"
#include "millrace/connector/source.h"
#include "millrace/data/batch.h"
#include "millrace/data/row_encoder.h"

namespace millrace::connector {

/// How a sink makes an epoch visible (see ARCHITECTURE.md, "Commit classes").
enum class CommitClass {
  kTwoPhase,    ///< what Prepare made survives our death
  kAtomic,      ///< one transaction that dies with us but records the epoch in itself
  kIdempotent,  ///< loading again under the same label, or by key, changes nothing
  kNone,        ///< rows are visible as they are written
};
const char* CommitClassName(CommitClass commit_class);

/// Which streams a sink can take.
struct Accepts {
  bool append = true;
  bool upsert = false;
  bool retract = false;
};

enum class WriteState {
  kAccepted,  ///< the batch is taken
  kBlocked,   ///< it is not; offer it again after the waker has fired
};

/// What a writer prepared: opaque bytes for the committer, counts for people.
struct CommitToken {
  std::string bytes;
  int64_t rows = 0;
  int64_t size = 0;  ///< bytes written outside
  bool empty() const { return bytes.empty(); }
};

class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  virtual Result<WriteState> Write(const data::Batch& batch, const Waker& waker) = 0;
  /// Rows that the sink's encoder made; called only where the sink gives encoders.
  virtual Result<WriteState> WriteEncoded(const data::EncodedRows& rows,
                                          const Waker& waker);
  /// No row follows for now: do what is due. A writer that wants to be asked at some
  /// moment has the waker of the last Write fire then.
  virtual Status Tend(const Waker& waker) { return Status::OK(); }
  /// Everything written since the last Prepare becomes one durable, invisible piece of
  /// `epoch`. `last`: nothing will be written any more. Returns at once; rows of the next
  /// epoch may be offered while the future is pending, and a writer that can't take them
  /// yet answers kBlocked. An epoch without rows gives an empty token.
  virtual Future<CommitToken> Prepare(Epoch epoch, bool last) = 0;
};

/// What Recover found and did.
struct RecoveryOutcome {
  int64_t committed = 0;
  int64_t aborted = 0;
};

class Committer {
 public:
  virtual ~Committer() = default;
  /// Make the pieces visible. Repeatable: a second call with the same tokens changes
  /// nothing. A kAtomic sink's writers answer kBlocked between Prepare(N) and Commit(N),
  /// so that its transaction holds epoch N and nothing else; it is called for every
  /// epoch, without tokens where no rows came.
  virtual Future<> Commit(Epoch epoch, std::vector<CommitToken> tokens) = 0;
  /// Shut out a predecessor of this pipeline and answer the last epoch that the sink
  /// itself recorded (kAtomic), else 0.
  virtual Result<Epoch> FenceAndReadEpoch() = 0;
  /// Commit `tokens` of the last decided epoch, which may have been committed already,
  /// and abort every other piece of this pipeline, whichever run and epoch prepared it.
  /// Called before the first Open of a run; epoch 0 and no tokens: nothing is decided.
  virtual Result<RecoveryOutcome> Recover(Epoch last,
                                          std::vector<CommitToken> tokens) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status Preflight(Report& report) = 0;
  /// Create or check the target. `keys` are column names, empty for none. Called once,
  /// before Open.
  virtual Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                             const std::vector<std::string>& keys) = 0;
  /// Follow a change of the stream's schema by comparing with the target; harmless when
  /// repeated.
  virtual Status Apply(const SchemaChange& change) = 0;
  virtual Accepts accepts() const = 0;
  virtual CommitClass commit_class() const = 0;
  /// How many writers may work at the same time: 1 keeps the rows' order.
  virtual int max_writers() const = 0;
  virtual Result<std::unique_ptr<SinkWriter>> Open(WriterId writer) = 0;
  /// An encoder for rows on their way to the sink's only writer, so that the work is done
  /// by the tasks that have the rows; null: that writer takes batches. Called after
  /// EnsureTable.
  virtual Result<std::unique_ptr<data::RowEncoder>> NewEncoder() { return nullptr; }
  /// After EnsureTable, of a pipeline with checkpoints: what ConnectorSpec::drop_strays
  /// needs to find what was prepared and not committed, when there is no sink any more.
  /// "": nothing is left behind that it could find.
  virtual std::string strays() const { return ""; }
  /// One of the files that it will write; "" where it writes none.
  virtual std::string example() const { return ""; }
  /// Owned by the sink.
  virtual Committer& committer() = 0;
};

}  // namespace millrace::connector
