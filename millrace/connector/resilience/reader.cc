#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/patience.h"
#include "millrace/connector/resilience/source.h"

namespace millrace::connector::resilience {

namespace {

// What a reader told since the last position: it tells that again after it was opened
// anew, in the same order.
struct Told {
  size_t letters = 0;
  size_t schema_changes = 0;
};

class ResilientReader final : public SplitReader {
 public:
  ResilientReader(Source* source, Split split, std::shared_ptr<Guard> guard,
                  std::shared_ptr<Connections> connections)
      : source_(source),
        split_(std::move(split)),
        guard_(std::move(guard)),
        connections_(std::move(connections)),
        patience_(guard_.get()) {}

  ~ResilientReader() override {
    reader_.reset();
    connections_->Leave(split_.id);
  }

  Status Seek(const data::Position& position) override {
    position_ = position;
    return Status::OK();
  }

  Result<PollResult> Poll(const Budget& budget, const Waker& waker) override {
    for (;;) {
      if (patience_.WaitsUntil(guard_->PassAt(), waker)) return Pending();
      if (!reader_) {
        if (patience_.WaitsUntil(next_try_, waker)) return Pending();
        if (!connections_->Enter(split_.id, waker)) return Pending();
        if (patience_.WaitsUntil(guard_->AdmitAt(), waker)) return Pending();
        const Status opened = Open();
        if (!opened.ok()) {
          ARROW_RETURN_NOT_OK(Retry(opened));
          continue;
        }
      }
      auto polled = reader_->Poll(guard_->Allowed(budget), waker);
      const Status failure =
          polled.ok() ? CheckTime(polled->state, waker) : polled.status();
      if (!failure.ok()) {
        ARROW_RETURN_NOT_OK(Retry(failure));
        continue;
      }
      if (!Accept(*polled)) continue;
      return polled;
    }
  }

 private:
  static PollResult Pending() {
    PollResult out;
    out.state = PollState::kPending;
    return out;
  }

  Status Open() {
    answered_ = false;
    patience_.Begin();
    ARROW_ASSIGN_OR_RAISE(reader_, source_->Open(split_));
    Status status = position_.empty() ? Status::OK() : reader_->Seek(position_);
    if (!status.ok()) reader_.reset();
    repeated_ = told_;
    return status;
  }

  // Throws the reader away and decides when the next is opened.
  Status Retry(const Status& failure) {
    patience_.Answered();
    const bool can_resume = placed_ && (source_->replay() == Replay::kSeek || !gave_);
    const bool opening = !reader_;
    if (!opening) failure_ = failure;
    reader_.reset();
    if (!can_resume) return guard_->GivenUp(failure);
    auto next = guard_->Failed(failure, &tries_);
    if (next.ok()) {
      next_try_ = *next;
      return Status::OK();
    }
    // What can't be opened again is not what went wrong in the first place.
    const bool hides = opening && !failure_.ok() && !IsRetryable(failure);
    return hides ? Explained(failure_, failure) : next.status();
  }

  // Is it waited for rows longer than allowed?
  Status CheckTime(PollState state, const Waker& waker) {
    if (state != PollState::kPending) {
      answered_ = true;
      patience_.Answered();
      return Status::OK();
    }
    const Policies& policies = guard_->policies();
    const bool connecting = !answered_ && policies.timeout_connect > 0;
    const int64_t limit = connecting ? policies.timeout_connect : policies.timeout;
    if (!patience_.IsOver(limit, waker)) return Status::OK();
    const ErrorSpec& spec = connecting ? errors::kConnectTimedOut : errors::kReadTimedOut;
    return spec.Make({.file = split_.name}, "{} ms", limit / 1'000'000);
  }

  // Takes out what was told before. Answers false when nothing is left to hand on.
  bool Accept(PollResult& polled) {
    if (polled.state != PollState::kPending) {
      guard_->Succeeded(&tries_);
      failure_ = Status::OK();
    }
    auto& letters = polled.dead_letters;
    const size_t known = std::min(repeated_.letters, letters.size());
    letters.erase(letters.begin(), letters.begin() + static_cast<std::ptrdiff_t>(known));
    repeated_.letters -= known;
    told_.letters += letters.size();
    letters.insert(letters.begin(), std::make_move_iterator(held_.begin()),
                   std::make_move_iterator(held_.end()));
    held_.clear();
    switch (polled.state) {
      case PollState::kBatch:
        gave_ = true;
        guard_->Passed(polled.batch.num_rows(), polled.bytes_read);
        placed_ = !polled.batch.end.empty();
        if (placed_) {
          position_ = polled.batch.end;
          told_ = repeated_ = Told();
        }
        return true;
      case PollState::kSchemaChange:
        if (repeated_.schema_changes > 0) {
          --repeated_.schema_changes;
          held_ = std::move(letters);
          return false;
        }
        ++told_.schema_changes;
        return true;
      case PollState::kEnd:
        guard_->Passed(0, polled.bytes_read);
        connections_->Leave(split_.id);
        return true;
      case PollState::kPending:
      case PollState::kCaughtUp: guard_->Passed(0, polled.bytes_read); return true;
    }
    return true;
  }

  Source* const source_;
  const Split split_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<Connections> connections_;
  Patience patience_;
  std::unique_ptr<SplitReader> reader_;
  data::Position position_;
  bool gave_ = false;     // rows were handed on
  bool placed_ = true;    // a new reader can go on behind the last row handed on
  Told told_, repeated_;  // since position_: in all, and to be left out still
  std::vector<data::DeadLetter> held_;  // came with a schema change that was left out
  Tries tries_;
  Status failure_;  // of the reader, while it is being replaced
  int64_t next_try_ = 0;
  bool answered_ = false;  // by the reader, since it was opened
};

}  // namespace

std::unique_ptr<SplitReader> MakeResilientReader(
    Source* source, Split split, std::shared_ptr<Guard> guard,
    std::shared_ptr<Connections> connections) {
  return std::make_unique<ResilientReader>(source, std::move(split), std::move(guard),
                                           std::move(connections));
}

}  // namespace millrace::connector::resilience
