#include "millrace/connector/resilience/source.h"

#include <utility>

#include "millrace/connector/resilience/errors.h"

namespace millrace::connector::resilience {

ResilientSource::ResilientSource(std::unique_ptr<Source> source,
                                 std::shared_ptr<Guard> guard)
    : source_(std::move(source)),
      guard_(std::move(guard)),
      connections_(std::make_shared<Connections>(guard_->policies().max_connections)) {}

Result<std::shared_ptr<arrow::Schema>> ResilientSource::InferSchema() {
  return guard_->Call([&] { return source_->InferSchema(); });
}

Result<std::vector<Split>> ResilientSource::Discover() {
  ARROW_ASSIGN_OR_RAISE(auto splits, guard_->Call([&] { return source_->Discover(); }));
  connections_->Expect(splits);
  const int64_t limit = guard_->policies().max_connections;
  if (!bounded() && static_cast<int64_t>(connections_->unfinished()) > limit &&
      limit > 0) {
    return errors::kTooFewConnections.Make({}, "{} for {} splits", limit,
                                           connections_->unfinished());
  }
  return splits;
}

void ResilientSource::WakeOnNewSplits(Waker waker) {
  source_->WakeOnNewSplits(std::move(waker));
}

Result<std::string> ResilientSource::DiscoveryState() {
  return source_->DiscoveryState();
}

Status ResilientSource::Restore(const std::string& discovery_state,
                                const std::vector<SplitState>& unfinished) {
  return guard_->Call([&] { return source_->Restore(discovery_state, unfinished); });
}

Status ResilientSource::Preflight(Report& report) { return source_->Preflight(report); }

Status ResilientSource::Setup() {
  return guard_->Call([&] { return source_->Setup(); });
}

Status ResilientSource::Teardown() {
  return guard_->Call([&] { return source_->Teardown(); });
}

Accepted ResilientSource::Push(const Pushdown& pushdown) {
  return source_->Push(pushdown);
}

Result<std::unique_ptr<SplitReader>> ResilientSource::Open(const Split& split) {
  return MakeResilientReader(source_.get(), split, guard_, connections_);
}

void ResilientSource::Acknowledge(
    const std::vector<std::pair<SplitId, data::Position>>& positions) {
  source_->Acknowledge(positions);
}

Status ResilientSource::Control(Command command) { return source_->Control(command); }

}  // namespace millrace::connector::resilience
