#include "millrace/engine/result_sink.h"

namespace millrace::engine {

namespace {

class ResultWriter final : public connector::SinkWriter {
 public:
  explicit ResultWriter(const OnRows& on_rows) : on_rows_(on_rows) {}
  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    rows_ += batch.num_rows();
    ARROW_RETURN_NOT_OK(on_rows_(batch.rows));
    return connector::WriteState::kAccepted;
  }
  Future<connector::CommitToken> Prepare(Epoch, bool) override {
    connector::CommitToken token;
    token.rows = rows_;
    return Future<connector::CommitToken>::MakeFinished(std::move(token));
  }

 private:
  const OnRows& on_rows_;
  int64_t rows_ = 0;
};

class ResultSink final : public connector::Sink, public connector::Committer {
 public:
  explicit ResultSink(OnRows on_rows) : on_rows_(std::move(on_rows)) {}
  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    return Status::OK();
  }
  Status Apply(const connector::SchemaChange&) override { return Status::OK(); }
  connector::Accepts accepts() const override { return {}; }
  connector::CommitClass commit_class() const override {
    return connector::CommitClass::kNone;
  }
  int max_writers() const override { return 1; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId) override {
    return std::make_unique<ResultWriter>(on_rows_);
  }
  connector::Committer& committer() override { return *this; }
  Future<> Commit(Epoch, std::vector<connector::CommitToken>) override {
    return Future<>::MakeFinished();
  }
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<connector::RecoveryOutcome> Recover(
      Epoch, std::vector<connector::CommitToken>) override {
    return connector::RecoveryOutcome{};
  }

 private:
  const OnRows on_rows_;
};

}  // namespace

std::unique_ptr<connector::Sink> MakeResultSink(OnRows on_rows) {
  return std::make_unique<ResultSink>(std::move(on_rows));
}

}  // namespace millrace::engine
