#include "millrace/connectors/blackhole/blackhole.h"

#include <utility>

#include <arrow/array.h>

#include "millrace/connector/nothing_to_commit.h"
#include "millrace/connectors/blackhole/touch.h"

namespace millrace::blackhole {

namespace {

class BlackholeWriter final : public connector::SinkWriter {
 public:
  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    seen_ = seen_ ^ Touch(*batch.rows);
    if (batch.changes && batch.changes->kinds) {
      seen_ = seen_ ^ Touch(*batch.changes->kinds->data());
    }
    rows_ += batch.num_rows();
    return connector::WriteState::kAccepted;
  }

  // A token without bytes: nothing is to be done at the commit.
  Future<connector::CommitToken> Prepare(Epoch, bool) override {
    connector::CommitToken token;
    token.rows = std::exchange(rows_, 0);
    return Future<connector::CommitToken>::MakeFinished(std::move(token));
  }

 private:
  // Volatile: else the compiler might see that nobody wants what was read.
  volatile uint64_t seen_ = 0;
  int64_t rows_ = 0;
};

class BlackholeSink final : public connector::Sink {
 public:
  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    return Status::OK();
  }
  Status Apply(const connector::SchemaChange&) override { return Status::OK(); }
  connector::Accepts accepts() const override { return {true, true, true}; }
  connector::CommitClass commit_class() const override {
    return connector::CommitClass::kIdempotent;
  }
  int max_writers() const override { return 1024; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId) override {
    return std::make_unique<BlackholeWriter>();
  }
  connector::Committer& committer() override { return committer_; }

 private:
  connector::NothingToCommit committer_;
};

}  // namespace

connector::ConnectorSpec MakeBlackholeConnector() {
  connector::ConnectorSpec spec;
  spec.name = "blackhole";
  spec.doc =
      "Takes every row, reads all of its columns, and keeps nothing: for measuring.";
  spec.guarantee =
      "Exactly once, as nobody can see a row twice: there is nothing to see.";
  spec.make_sink = [](const connector::Options& options,
                      const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Sink>> {
    ARROW_RETURN_NOT_OK(
        ConfigSpec()
            .Parse("connector 'blackhole'", options, surroundings.environment)
            .status());
    return std::make_unique<BlackholeSink>();
  };
  return spec;
}

}  // namespace millrace::blackhole
