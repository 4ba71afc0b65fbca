#include "millrace/engine/result_sink.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace millrace::engine {

namespace {

// The batch that is on its way to whoever asked: one at a time. Shared with the work on
// the executor.
class Handing : public std::enable_shared_from_this<Handing> {
 public:
  Handing(OnRows on_rows, Executor* executor)
      : on_rows_(std::move(on_rows)), executor_(executor) {}

  // False: the one before is still on its way, `waker` fires when it is not.
  Result<bool> Hand(const std::shared_ptr<arrow::RecordBatch>& rows, const Waker& waker) {
    {
      std::lock_guard lock(mutex_);
      ARROW_RETURN_NOT_OK(status_);
      if (busy_) {
        waker_ = waker;
        return false;
      }
      busy_ = true;
    }
    executor_->Submit([self = shared_from_this(), rows] { self->Run(rows); });
    return true;
  }

  // Finished when what was handed over has arrived.
  Future<connector::CommitToken> Arrived(connector::CommitToken token) {
    std::lock_guard lock(mutex_);
    if (!status_.ok()) return Future<connector::CommitToken>::MakeFinished(status_);
    if (!busy_) return Future<connector::CommitToken>::MakeFinished(std::move(token));
    token_ = std::move(token);
    arrived_ = Future<connector::CommitToken>::Make();
    return arrived_;
  }

  // No call follows; one that has begun comes to its end first.
  void Close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    ended_.wait(lock, [this] { return !running_; });
  }

 private:
  void Run(const std::shared_ptr<arrow::RecordBatch>& rows) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return;
      running_ = true;
    }
    Status status = on_rows_(rows);
    Waker waker;
    Future<connector::CommitToken> arrived;
    connector::CommitToken token;
    {
      std::lock_guard lock(mutex_);
      running_ = busy_ = false;
      status_ = status;
      waker = std::exchange(waker_, Waker());
      arrived = std::exchange(arrived_, {});
      token = std::move(token_);
      ended_.notify_all();
    }
    waker.Wake();
    if (!arrived.is_valid()) return;
    arrived.MarkFinished(status.ok() ? Result<connector::CommitToken>(std::move(token))
                                     : status);
  }

  const OnRows on_rows_;
  Executor* const executor_;
  std::mutex mutex_;  // of all below
  std::condition_variable ended_;
  bool busy_ = false;     // a batch is on its way
  bool running_ = false;  // on_rows_
  bool closed_ = false;
  Status status_;
  Waker waker_;
  connector::CommitToken token_;
  Future<connector::CommitToken> arrived_;
};

class ResultWriter final : public connector::SinkWriter {
 public:
  explicit ResultWriter(std::shared_ptr<Handing> handing)
      : handing_(std::move(handing)) {}
  Result<connector::WriteState> Write(const data::Batch& batch,
                                      const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(const bool handed, handing_->Hand(batch.rows, waker));
    if (!handed) return connector::WriteState::kBlocked;
    rows_ += batch.num_rows();
    return connector::WriteState::kAccepted;
  }
  Future<connector::CommitToken> Prepare(Epoch, bool) override {
    connector::CommitToken token;
    token.rows = rows_;
    return handing_->Arrived(std::move(token));
  }

 private:
  const std::shared_ptr<Handing> handing_;
  int64_t rows_ = 0;
};

class ResultSink final : public connector::Sink, public connector::Committer {
 public:
  ResultSink(OnRows on_rows, Executor* executor)
      : handing_(std::make_shared<Handing>(std::move(on_rows), executor)) {}
  ~ResultSink() override { handing_->Close(); }
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
    return std::make_unique<ResultWriter>(handing_);
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
  const std::shared_ptr<Handing> handing_;
};

}  // namespace

std::unique_ptr<connector::Sink> MakeResultSink(OnRows on_rows, Executor* executor) {
  return std::make_unique<ResultSink>(std::move(on_rows), executor);
}

}  // namespace millrace::engine
