#include "millrace/connector/resilience/sink.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "millrace/connector/resilience/errors.h"

namespace millrace::connector::resilience {

namespace {

// One commit until it succeeds or is given up. The first try is made by the caller, later
// ones on the executor: the caller only looks at the future.
class CommitRun final : public Wakeable, public std::enable_shared_from_this<CommitRun> {
 public:
  CommitRun(std::shared_ptr<Sink> sink, std::shared_ptr<Guard> guard,
            std::shared_ptr<std::atomic<int>> abandoned, Epoch epoch,
            std::vector<CommitToken> tokens)
      : sink_(std::move(sink)),
        guard_(std::move(guard)),
        abandoned_(std::move(abandoned)),
        epoch_(epoch),
        tokens_(std::move(tokens)) {}

  Future<> Start() {
    Try();
    return done_;
  }

  // A pause, or the time of a try, is over.
  void Wake() override {
    bool again = false, late = false;
    {
      std::lock_guard lock(mutex_);
      const int64_t now = guard_->Now();
      if (settled_) return;
      again = !trying_ && now >= next_try_;
      late = trying_ && deadline_ > 0 && now >= deadline_;
      if (again) trying_ = true;
      if (late) settled_ = true;
    }
    if (again) guard_->Submit([self = shared_from_this()] { self->Try(); });
    if (late) {
      abandoned_->fetch_add(1);
      done_.MarkFinished(guard_->GivenUp(errors::kCommitTimedOut.Make(
          {}, "{} ms", guard_->policies().timeout_commit / 1'000'000)));
    }
  }

 private:
  void Try() {
    const int64_t timeout = guard_->policies().timeout_commit;
    const int64_t deadline = timeout > 0 ? guard_->Now() + timeout : 0;
    {
      std::lock_guard lock(mutex_);
      trying_ = true;
      deadline_ = deadline;
    }
    Future<> committed = sink_->committer().Commit(epoch_, tokens_);
    if (committed.is_finished()) return Tried(committed.status());
    committed.AddCallback(
        [self = shared_from_this()](const Status& status) { self->Tried(status); });
    if (timeout > 0) guard_->WakeAt(deadline, Waker(shared_from_this()));
  }

  void Tried(const Status& status) {
    Result<int64_t> next = 0;
    {
      std::lock_guard lock(mutex_);
      if (settled_) {
        // Too late for who asked; Recover may be called again.
        abandoned_->fetch_sub(1);
        return;
      }
      if (status.ok()) {
        guard_->Succeeded(&tries_);
      } else {
        next = guard_->Failed(status, &tries_);
      }
      settled_ = status.ok() || !next.ok();
      if (!settled_) next_try_ = *next;
      trying_ = false;
    }
    if (status.ok() || !next.ok()) {
      done_.MarkFinished(next.status());
    } else {
      guard_->WakeAt(*next, Waker(shared_from_this()));
    }
  }

  const std::shared_ptr<Sink> sink_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<std::atomic<int>> abandoned_;
  const Epoch epoch_;
  const std::vector<CommitToken> tokens_;
  Future<> done_ = Future<>::Make();
  std::mutex mutex_;
  Tries tries_;
  bool trying_ = false;
  bool settled_ = false;
  int64_t next_try_ = 0;
  int64_t deadline_ = 0;
};

}  // namespace

ResilientSink::ResilientSink(std::unique_ptr<Sink> sink, std::shared_ptr<Guard> guard)
    : sink_(std::move(sink)), guard_(std::move(guard)) {}

Status ResilientSink::Preflight(Report& report) { return sink_->Preflight(report); }

Status ResilientSink::EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                                  const std::vector<std::string>& keys) {
  return guard_->Call([&] { return sink_->EnsureTable(schema, keys); });
}

Status ResilientSink::Apply(const SchemaChange& change) {
  return guard_->Call([&] { return sink_->Apply(change); });
}

// Writers live as long as the run, so waiting for a place would be waiting for ever.
int ResilientSink::max_writers() const {
  const int64_t limit = guard_->policies().max_connections;
  const int writers = sink_->max_writers();
  return limit == 0 ? writers : static_cast<int>(std::min<int64_t>(limit, writers));
}

Result<std::unique_ptr<SinkWriter>> ResilientSink::Open(WriterId writer) {
  ARROW_ASSIGN_OR_RAISE(auto opened, guard_->Call([&] { return sink_->Open(writer); }));
  return MakeResilientWriter(std::move(opened), guard_, abandoned_);
}

Result<std::unique_ptr<data::RowEncoder>> ResilientSink::NewEncoder() {
  return sink_->NewEncoder();
}

Future<> ResilientSink::Commit(Epoch epoch, std::vector<CommitToken> tokens) {
  return std::make_shared<CommitRun>(sink_, guard_, abandoned_, epoch, std::move(tokens))
      ->Start();
}

Result<Epoch> ResilientSink::FenceAndReadEpoch() {
  return guard_->Call([&] { return sink_->committer().FenceAndReadEpoch(); });
}

Result<RecoveryOutcome> ResilientSink::Recover(Epoch last,
                                               std::vector<CommitToken> tokens) {
  if (abandoned_->load() > 0) {
    return errors::kCommitTimedOut.Make({}, "it is still under way");
  }
  return guard_->Call([&] { return sink_->committer().Recover(last, tokens); });
}

}  // namespace millrace::connector::resilience
