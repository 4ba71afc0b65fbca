#include "millrace/engine/gated_sink.h"

#include <utility>

namespace millrace::engine {

namespace {

class GatedSink final : public connector::Sink, public connector::Committer {
 public:
  GatedSink(std::unique_ptr<connector::Sink> sink, std::function<Status()> before_commit)
      : sink_(std::move(sink)), before_commit_(std::move(before_commit)) {}

  Status Preflight(connector::Report& report) override {
    return sink_->Preflight(report);
  }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                     const std::vector<std::string>& keys) override {
    return sink_->EnsureTable(schema, keys);
  }
  Status Apply(const connector::SchemaChange& change) override {
    return sink_->Apply(change);
  }
  connector::Accepts accepts() const override { return sink_->accepts(); }
  connector::CommitClass commit_class() const override { return sink_->commit_class(); }
  int max_writers() const override { return sink_->max_writers(); }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId writer) override {
    return sink_->Open(writer);
  }
  Result<std::unique_ptr<data::RowEncoder>> NewEncoder() override {
    return sink_->NewEncoder();
  }
  connector::Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<connector::CommitToken> tokens) override {
    Status status = before_commit_();
    if (!status.ok()) return Future<>::MakeFinished(std::move(status));
    return sink_->committer().Commit(epoch, std::move(tokens));
  }
  Result<Epoch> FenceAndReadEpoch() override {
    return sink_->committer().FenceAndReadEpoch();
  }
  Result<connector::RecoveryOutcome> Recover(
      Epoch last, std::vector<connector::CommitToken> tokens) override {
    return sink_->committer().Recover(last, std::move(tokens));
  }

 private:
  const std::unique_ptr<connector::Sink> sink_;
  const std::function<Status()> before_commit_;
};

}  // namespace

std::unique_ptr<connector::Sink> MakeGatedSink(std::unique_ptr<connector::Sink> sink,
                                               std::function<Status()> before_commit) {
  return std::make_unique<GatedSink>(std::move(sink), std::move(before_commit));
}

}  // namespace millrace::engine
