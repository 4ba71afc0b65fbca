// ResilientSink: a sink with its policies around it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/resilience/guard.h"
#include "millrace/connector/sink.h"

namespace millrace::connector::resilience {

/// What is tried again after an error that says it may pass:
///   - EnsureTable, Apply, Open, FenceAndReadEpoch, Recover, Commit: their contracts make
///     a second call harmless.
///   - Write, WriteEncoded, Prepare: never. A part of the rows may have arrived, so the
///     error ends the epoch; what was prepared is aborted, and the pipeline can begin
///     again at its last checkpoint.
/// A Prepare or commit that runs out of time may still happen: it is not called again,
/// Recover of this object refuses as long as it is under way, and the next run finds out.
class ResilientSink final : public Sink, public Committer {
 public:
  ResilientSink(std::unique_ptr<Sink> sink, std::shared_ptr<Guard> guard);

  Status Preflight(Report& report) override;
  Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                     const std::vector<std::string>& keys) override;
  Status Apply(const SchemaChange& change) override;
  Accepts accepts() const override { return sink_->accepts(); }
  CommitClass commit_class() const override { return sink_->commit_class(); }
  int max_writers() const override;
  Result<std::unique_ptr<SinkWriter>> Open(WriterId writer) override;
  Result<std::unique_ptr<data::RowEncoder>> NewEncoder() override;
  std::string strays() const override { return sink_->strays(); }
  std::string example() const override { return sink_->example(); }
  Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<CommitToken> tokens) override;
  Result<Epoch> FenceAndReadEpoch() override;
  Result<RecoveryOutcome> Recover(Epoch last, std::vector<CommitToken> tokens) override;

  const Guard& guard() const { return *guard_; }

 private:
  // Shared with what has run out of time and may outlive this object.
  const std::shared_ptr<Sink> sink_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<std::atomic<int>> abandoned_ =
      std::make_shared<std::atomic<int>>(0);  // under way though nobody waits
};

std::unique_ptr<SinkWriter> MakeResilientWriter(
    std::unique_ptr<SinkWriter> writer, std::shared_ptr<Guard> guard,
    std::shared_ptr<std::atomic<int>> abandoned);

}  // namespace millrace::connector::resilience
