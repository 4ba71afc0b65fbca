#include <atomic>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/sink.h"

namespace millrace::connector::resilience {

namespace {

// A Prepare that ends by itself or at its time's end, whichever comes first.
class TimedPrepare final : public Wakeable,
                           public std::enable_shared_from_this<TimedPrepare> {
 public:
  explicit TimedPrepare(std::shared_ptr<Guard> guard) : guard_(std::move(guard)) {}

  Future<CommitToken> Start(Future<CommitToken> prepared) {
    const int64_t timeout = guard_->policies().timeout_commit;
    prepared.AddCallback([self = shared_from_this()](const Result<CommitToken>& token) {
      self->End(token);
    });
    if (timeout > 0) guard_->WakeAt(guard_->Now() + timeout, Waker(shared_from_this()));
    return done_;
  }

  void Wake() override {
    End(errors::kCommitTimedOut.Make({}, "preparing took more than {} ms",
                                     guard_->policies().timeout_commit / 1'000'000));
  }

 private:
  void End(Result<CommitToken> token) {
    if (ended_.exchange(true)) return;
    if (!token.ok()) (void)guard_->GivenUp(token.status());
    done_.MarkFinished(std::move(token));
  }

  const std::shared_ptr<Guard> guard_;
  Future<CommitToken> done_ = Future<CommitToken>::Make();
  std::atomic<bool> ended_{false};
};

class ResilientWriter final : public SinkWriter {
 public:
  ResilientWriter(std::unique_ptr<SinkWriter> writer, std::shared_ptr<Guard> guard)
      : writer_(std::move(writer)),
        guard_(std::move(guard)),
        timeout_(guard_->policies().timeout) {}

  Result<WriteState> Write(const data::Batch& batch, const Waker& waker) override {
    if (WaitsForRate(waker)) return WriteState::kBlocked;
    ARROW_ASSIGN_OR_RAISE(const WriteState state,
                          Checked(writer_->Write(batch, waker), waker));
    if (state == WriteState::kAccepted && guard_->limits_rate()) {
      // Slices share buffers: only what the rows need counts.
      ARROW_ASSIGN_OR_RAISE(const int64_t bytes,
                            arrow::util::ReferencedBufferSize(*batch.rows));
      guard_->Passed(batch.num_rows(), bytes);
    }
    return state;
  }

  Result<WriteState> WriteEncoded(const data::EncodedRows& rows,
                                  const Waker& waker) override {
    if (WaitsForRate(waker)) return WriteState::kBlocked;
    ARROW_ASSIGN_OR_RAISE(const WriteState state,
                          Checked(writer_->WriteEncoded(rows, waker), waker));
    if (state == WriteState::kAccepted && guard_->limits_rate()) {
      guard_->Passed(rows.rows, rows.bytes == nullptr ? 0 : rows.bytes->size());
    }
    return state;
  }

  Future<CommitToken> Prepare(Epoch epoch, bool last) override {
    return std::make_shared<TimedPrepare>(guard_)->Start(writer_->Prepare(epoch, last));
  }

 private:
  bool WaitsForRate(const Waker& waker) {
    const int64_t moment = guard_->PassAt();
    if (moment <= guard_->Now()) return false;
    WakeOnce(moment, waker);
    return true;
  }

  void WakeOnce(int64_t moment, const Waker& waker) {
    if (armed_ > guard_->Now() && armed_ <= moment) return;
    armed_ = moment;
    guard_->WakeAt(moment, waker);
  }

  Result<WriteState> Checked(Result<WriteState> state, const Waker& waker) {
    if (!state.ok()) return guard_->GivenUp(state.status());
    if (*state == WriteState::kAccepted) {
      blocked_since_ = kNever;
      guard_->Succeeded(&tries_);
      return state;
    }
    if (timeout_ == 0) return state;
    const int64_t now = guard_->Now();
    if (blocked_since_ == kNever) blocked_since_ = now;
    if (now - blocked_since_ >= timeout_) {
      return guard_->GivenUp(
          errors::kWriteTimedOut.Make({}, "{} ms", timeout_ / 1'000'000));
    }
    WakeOnce(blocked_since_ + timeout_, waker);
    return state;
  }

  const std::unique_ptr<SinkWriter> writer_;
  const std::shared_ptr<Guard> guard_;
  const int64_t timeout_;
  Tries tries_;
  int64_t blocked_since_ = kNever;
  int64_t armed_ = kNever;
};

}  // namespace

std::unique_ptr<SinkWriter> MakeResilientWriter(std::unique_ptr<SinkWriter> writer,
                                                std::shared_ptr<Guard> guard) {
  return std::make_unique<ResilientWriter>(std::move(writer), std::move(guard));
}

}  // namespace millrace::connector::resilience
