#include <atomic>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/patience.h"
#include "millrace/connector/resilience/sink.h"
#include "millrace/data/byte_size.h"

namespace millrace::connector::resilience {

namespace {

// A Prepare that ends by itself or at its time's end, whichever comes first.
class TimedPrepare final : public Wakeable,
                           public std::enable_shared_from_this<TimedPrepare> {
 public:
  TimedPrepare(std::shared_ptr<Guard> guard, std::shared_ptr<std::atomic<int>> abandoned)
      : guard_(std::move(guard)), abandoned_(std::move(abandoned)) {}

  Future<CommitToken> Start(Future<CommitToken> prepared) {
    const int64_t timeout = guard_->policies().timeout_commit;
    prepared.AddCallback([self = shared_from_this()](const Result<CommitToken>& token) {
      // Too late for who asked; Recover may be called again.
      if (!self->End(token)) self->abandoned_->fetch_sub(1);
    });
    if (timeout > 0) guard_->WakeAt(guard_->Now() + timeout, Waker(shared_from_this()));
    return done_;
  }

  void Wake() override {
    // Before the future ends: whoever waits for it may recover at once.
    abandoned_->fetch_add(1);
    if (!End(errors::kCommitTimedOut.Make({}, "preparing took more than {} ms",
                                          guard_->policies().timeout_commit / 1'000'000)))
      abandoned_->fetch_sub(1);
  }

 private:
  // False: it had ended before.
  bool End(Result<CommitToken> token) {
    if (ended_.exchange(true)) return false;
    if (!token.ok()) (void)guard_->GivenUp(token.status());
    done_.MarkFinished(std::move(token));
    return true;
  }

  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<std::atomic<int>> abandoned_;
  Future<CommitToken> done_ = Future<CommitToken>::Make();
  std::atomic<bool> ended_{false};
};

class ResilientWriter final : public SinkWriter {
 public:
  ResilientWriter(std::unique_ptr<SinkWriter> writer, std::shared_ptr<Guard> guard,
                  std::shared_ptr<std::atomic<int>> abandoned)
      : writer_(std::move(writer)),
        guard_(std::move(guard)),
        abandoned_(std::move(abandoned)),
        patience_(guard_.get()) {}

  Result<WriteState> Write(const data::Batch& batch, const Waker& waker) override {
    if (patience_.WaitsUntil(guard_->PassAt(), waker)) return WriteState::kBlocked;
    ARROW_ASSIGN_OR_RAISE(const WriteState state,
                          Checked(writer_->Write(batch, waker), waker));
    if (state == WriteState::kAccepted && guard_->limits_rate()) {
      // Slices share buffers: only what the rows need counts.
      ARROW_ASSIGN_OR_RAISE(const int64_t bytes, data::ReferencedBytes(*batch.rows));
      guard_->Passed(batch.num_rows(), bytes);
    }
    return state;
  }

  Result<WriteState> WriteEncoded(const data::EncodedRows& rows,
                                  const Waker& waker) override {
    if (patience_.WaitsUntil(guard_->PassAt(), waker)) return WriteState::kBlocked;
    ARROW_ASSIGN_OR_RAISE(const WriteState state,
                          Checked(writer_->WriteEncoded(rows, waker), waker));
    if (state == WriteState::kAccepted && guard_->limits_rate()) {
      guard_->Passed(rows.rows, rows.bytes == nullptr ? 0 : rows.bytes->size());
    }
    return state;
  }

  Status Tend(const Waker& waker) override {
    const Status status = writer_->Tend(waker);
    return status.ok() ? status : guard_->GivenUp(status);
  }

  Future<CommitToken> Prepare(Epoch epoch, bool last) override {
    return std::make_shared<TimedPrepare>(guard_, abandoned_)
        ->Start(writer_->Prepare(epoch, last));
  }

 private:
  Result<WriteState> Checked(Result<WriteState> state, const Waker& waker) {
    if (!state.ok()) return guard_->GivenUp(state.status());
    if (*state == WriteState::kAccepted) {
      answered_ = true;
      patience_.Answered();
      guard_->Succeeded(&tries_);
      return state;
    }
    const Policies& policies = guard_->policies();
    const bool connecting = !answered_ && policies.timeout_connect > 0;
    const int64_t limit = connecting ? policies.timeout_connect : policies.timeout;
    if (!patience_.IsOver(limit, waker)) return state;
    const ErrorSpec& spec =
        connecting ? errors::kConnectTimedOut : errors::kWriteTimedOut;
    return guard_->GivenUp(spec.Make({}, "{} ms", limit / 1'000'000));
  }

  const std::unique_ptr<SinkWriter> writer_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<std::atomic<int>> abandoned_;
  Patience patience_;
  Tries tries_;
  bool answered_ = false;  // rows were taken
};

}  // namespace

std::unique_ptr<SinkWriter> MakeResilientWriter(
    std::unique_ptr<SinkWriter> writer, std::shared_ptr<Guard> guard,
    std::shared_ptr<std::atomic<int>> abandoned) {
  return std::make_unique<ResilientWriter>(std::move(writer), std::move(guard),
                                           std::move(abandoned));
}

}  // namespace millrace::connector::resilience
