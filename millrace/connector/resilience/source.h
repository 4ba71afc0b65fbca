// ResilientSource: a source with its policies around it.
#pragma once

#include <memory>

#include "millrace/connector/resilience/connections.h"
#include "millrace/connector/resilience/guard.h"
#include "millrace/connector/source.h"

namespace millrace::connector::resilience {

/// What is tried again after an error that says it may pass, and after timeout_read:
///   - InferSchema, Discover, Restore, Setup, Teardown: as they are.
///   - Open and Poll: the reader is thrown away; a new one is opened and sought to the
///     last position that a batch gave, and what it tells again of dead letters and
///     schema changes is left out. Where that can't be (the source can't seek, or its
///     batches carry no position), the error ends the pipeline.
/// Preflight reports what it meets at once.
class ResilientSource final : public Source {
 public:
  ResilientSource(std::unique_ptr<Source> source, std::shared_ptr<Guard> guard);

  Result<std::shared_ptr<arrow::Schema>> InferSchema() override;
  Result<std::vector<Split>> Discover() override;
  void WakeOnNewSplits(Waker waker) override;
  Result<std::string> DiscoveryState() override;
  Status Restore(const std::string& discovery_state,
                 const std::vector<SplitState>& unfinished) override;
  void ExpectRestore(const std::string& discovery_state) override {
    source_->ExpectRestore(discovery_state);
  }
  bool WouldRead(const std::string& path) const override {
    return source_->WouldRead(path);
  }
  Status Preflight(Report& report) override;
  Status Setup() override;
  Status Teardown() override;
  Accepted Push(const Pushdown& pushdown) override;
  Replay replay() const override { return source_->replay(); }
  bool splits_pause() const override { return source_->splits_pause(); }
  bool bounded() const override { return source_->bounded(); }
  Result<std::unique_ptr<SplitReader>> Open(const Split& split) override;
  void Acknowledge(
      const std::vector<std::pair<SplitId, data::Position>>& positions) override;
  Status Control(Command command) override;

  const Guard& guard() const { return *guard_; }

 private:
  const std::unique_ptr<Source> source_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<Connections> connections_;
};

/// A reader of `split`, opened at the first Poll. `source` outlives it.
std::unique_ptr<SplitReader> MakeResilientReader(
    Source* source, Split split, std::shared_ptr<Guard> guard,
    std::shared_ptr<Connections> connections);

}  // namespace millrace::connector::resilience
