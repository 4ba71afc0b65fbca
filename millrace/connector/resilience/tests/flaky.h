// A source and a sink that fail where a test says, under a clock that jumps to whatever
// is waited for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>

#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/testing.h"
#include "millrace/connector/registry.h"

namespace millrace::connector::resilience {

inline constexpr ErrorSpec kPassing{2548, arrow::StatusCode::IOError, true,
                                    "a passing failure", ""};
inline constexpr ErrorSpec kLasting{2549, arrow::StatusCode::Invalid, false,
                                    "a lasting failure", ""};

/// Time passes when somebody waits for it.
class JumpingTimers final : public Timers {
 public:
  explicit JumpingTimers(ManualClock* clock) : clock_(clock) {}
  void WakeAt(int64_t nanos, Waker waker) override {
    const int64_t now = clock_->MonotonicNanos();
    waits.push_back(std::max<int64_t>(0, nanos - now));
    if (nanos > now) clock_->Advance(nanos - now);
    waker.Wake();
  }
  std::vector<int64_t> waits;

 private:
  ManualClock* const clock_;
};

/// Runs at once.
class DirectExecutor final : public Executor {
 public:
  void Submit(std::function<void()> work) override { work(); }
};

/// What the scripted connector does, and what was asked of it.
struct Script {
  int64_t rows = 20;  // of each split; a row whose number ends in 3 is a dead letter
  int64_t splits = 1;
  bool bounded = true;
  bool seeks = true;
  bool positions = true;
  std::deque<Status> polls;  // one for each Poll: OK goes on as usual
  std::deque<Status> opens;  // likewise
  std::deque<Status> discovers;
  std::deque<Status> ensures;
  std::deque<Status> commits;
  std::deque<Status> writes;
  std::deque<Status> prepares;
  bool never_ready = false;  // readers answer kPending, writers kBlocked
  bool quiet = false;        // readers answer kCaughtUp once, then kPending
  bool never_done = false;   // Prepare and Commit do not end
  std::vector<int64_t> poll_budgets;
  int64_t polled = 0, opened = 0, ensured = 0, committed = 0, written = 0, recovered = 0;
};

inline Status Next(std::deque<Status>* script) {
  if (script->empty()) return Status::OK();
  Status status = std::move(script->front());
  script->pop_front();
  return status;
}

inline Status Passing() { return kPassing.Make({}, ""); }
inline Status Lasting() { return kLasting.Make({}, ""); }

inline std::shared_ptr<arrow::RecordBatch> NumberBatch(
    const std::vector<int64_t>& values) {
  arrow::Int64Builder builder(ProcessMemoryPool());
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}),
                                  static_cast<int64_t>(values.size()),
                                  {builder.Finish().ValueOrDie()});
}

/// Gives three rows at a time. A dead letter comes alone, in a kPending, so that it lies
/// behind the last position.
class ScriptedReader final : public SplitReader {
 public:
  ScriptedReader(std::shared_ptr<Script> script, int64_t first)
      : script_(std::move(script)), first_(first) {}
  Status Seek(const data::Position& position) override {
    at_ = std::stoll(position.bytes());
    return Status::OK();
  }
  Result<PollResult> Poll(const Budget& budget, const Waker& waker) override {
    ++script_->polled;
    script_->poll_budgets.push_back(budget.rows);
    ARROW_RETURN_NOT_OK(Next(&script_->polls));
    PollResult out;
    out.state = PollState::kPending;
    if (script_->never_ready) return out;
    if (script_->quiet) {
      if (!std::exchange(caught_up_, true)) out.state = PollState::kCaughtUp;
      return out;
    }
    waker.Wake();
    std::vector<int64_t> values;
    while (at_ < script_->rows &&
           static_cast<int64_t>(values.size()) < std::min<int64_t>(3, budget.rows)) {
      if (at_ % 10 == 3) {
        if (!values.empty()) break;
        data::DeadLetter letter;
        letter.raw = std::to_string(first_ + at_++);
        out.dead_letters.push_back(std::move(letter));
        return out;
      }
      values.push_back(first_ + at_++);
    }
    if (values.empty()) {
      out.state = PollState::kEnd;
      return out;
    }
    out.state = PollState::kBatch;
    out.bytes_read = 10 * static_cast<int64_t>(values.size());
    out.batch.rows = NumberBatch(values);
    if (script_->positions) out.batch.end = data::Position(std::to_string(at_));
    return out;
  }

 private:
  const std::shared_ptr<Script> script_;
  const int64_t first_;
  int64_t at_ = 0;
  bool caught_up_ = false;
};

class ScriptedSource final : public Source {
 public:
  explicit ScriptedSource(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  Result<std::shared_ptr<arrow::Schema>> InferSchema() override {
    return arrow::schema({arrow::field("n", arrow::int64())});
  }
  Result<std::vector<Split>> Discover() override {
    ARROW_RETURN_NOT_OK(Next(&script_->discovers));
    std::vector<Split> out;
    for (int64_t i = 0; i < script_->splits; ++i) {
      out.push_back({.id = SplitId{i}, .name = "split " + std::to_string(i)});
    }
    return out;
  }
  Status Restore(const std::string&, const std::vector<SplitState>&) override {
    return Status::OK();
  }
  Status Preflight(Report&) override { return Status::OK(); }
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }
  Accepted Push(const Pushdown&) override { return {}; }
  Replay replay() const override {
    return script_->seeks ? Replay::kSeek : Replay::kRedeliver;
  }
  bool bounded() const override { return script_->bounded; }
  Result<std::unique_ptr<SplitReader>> Open(const Split& split) override {
    ++script_->opened;
    ARROW_RETURN_NOT_OK(Next(&script_->opens));
    return std::make_unique<ScriptedReader>(script_, split.id.value * 1000);
  }
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(Command) override { return Status::OK(); }

 private:
  const std::shared_ptr<Script> script_;
};

class ScriptedSink final : public Sink, public Committer {
 public:
  explicit ScriptedSink(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  class Writer final : public SinkWriter {
   public:
    explicit Writer(std::shared_ptr<Script> script) : script_(std::move(script)) {}
    Result<WriteState> Write(const data::Batch&, const Waker&) override {
      ++script_->written;
      ARROW_RETURN_NOT_OK(Next(&script_->writes));
      return script_->never_ready ? WriteState::kBlocked : WriteState::kAccepted;
    }
    Future<CommitToken> Prepare(Epoch, bool) override {
      const Status status = Next(&script_->prepares);
      if (!status.ok()) return Future<CommitToken>::MakeFinished(status);
      if (script_->never_done) return Future<CommitToken>::Make();
      return Future<CommitToken>::MakeFinished(CommitToken{"piece", 1, 1});
    }

   private:
    const std::shared_ptr<Script> script_;
  };

  Status Preflight(Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    ++script_->ensured;
    return Next(&script_->ensures);
  }
  Status Apply(const SchemaChange&) override { return Status::OK(); }
  Accepts accepts() const override { return {}; }
  CommitClass commit_class() const override { return CommitClass::kTwoPhase; }
  int max_writers() const override { return 8; }
  Result<std::unique_ptr<SinkWriter>> Open(WriterId) override {
    ++script_->opened;
    ARROW_RETURN_NOT_OK(Next(&script_->opens));
    return std::make_unique<Writer>(script_);
  }
  Committer& committer() override { return *this; }
  Future<> Commit(Epoch, std::vector<CommitToken>) override {
    ++script_->committed;
    if (script_->never_done) return Future<>::Make();
    return Future<>::MakeFinished(Next(&script_->commits));
  }
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<RecoveryOutcome> Recover(Epoch, std::vector<CommitToken>) override {
    ++script_->recovered;
    return RecoveryOutcome{};
  }

 private:
  const std::shared_ptr<Script> script_;
};

/// A registry with the one connector "flaky", as the engine would have it.
class FlakyTest : public testing::Test {
 protected:
  FlakyTest() {
    surroundings_.clock = &clock_;
    surroundings_.timers = &timers_;
    surroundings_.executor = &executor_;
    surroundings_.memory = MemoryBudget::Make(1 << 30, ProcessMemoryPool());
    surroundings_.environment = [](const std::string&) { return std::nullopt; };
    surroundings_.pipeline = "test";
    ConnectorSpec spec;
    spec.name = "flaky";
    spec.make_source = [this](const Options&, const std::shared_ptr<arrow::Schema>&,
                              const Surroundings&) -> Result<std::unique_ptr<Source>> {
      return std::make_unique<ScriptedSource>(script_);
    };
    spec.make_sink = [this](const Options&,
                            const Surroundings&) -> Result<std::unique_ptr<Sink>> {
      return std::make_unique<ScriptedSink>(script_);
    };
    EXPECT_TRUE(registry_.Add(std::move(spec)).ok());
  }

  Result<std::unique_ptr<Source>> MakeSource(Options options = {}) {
    return registry_.Find("flaky")->make_source(options, nullptr, surroundings_);
  }
  Result<std::unique_ptr<Sink>> MakeSink(Options options = {}) {
    return registry_.Find("flaky")->make_sink(options, surroundings_);
  }
  int64_t now() const { return clock_.MonotonicNanos(); }

  /// What comes of reading split `id` to its end.
  struct Read {
    std::vector<int64_t> rows;
    std::vector<std::string> letters;
    Status status;
  };
  Read ReadAll(Source& source, int64_t id = 0) {
    Read out;
    auto reader = source.Open({.id = SplitId{id}, .name = "split"});
    EXPECT_TRUE(reader.ok());
    // More polls than any test needs: one that never ends fails.
    for (int i = 0; i < 100'000; ++i) {
      auto polled = (*reader)->Poll(Budget{}, Waker());
      if (!polled.ok()) {
        out.status = polled.status();
        return out;
      }
      for (const auto& letter : polled->dead_letters) out.letters.push_back(letter.raw);
      if (polled->state == PollState::kEnd) return out;
      if (polled->state != PollState::kBatch) continue;
      const auto& column =
          static_cast<const arrow::Int64Array&>(*polled->batch.rows->column(0));
      for (int64_t row = 0; row < column.length(); ++row) {
        out.rows.push_back(column.Value(row));
      }
    }
    out.status = Status::Invalid("it never ends");
    return out;
  }
  static std::vector<int64_t> Expected(int64_t rows) {
    std::vector<int64_t> out;
    for (int64_t i = 0; i < rows; ++i) {
      if (i % 10 != 3) out.push_back(i);
    }
    return out;
  }

  ManualClock clock_;
  JumpingTimers timers_{&clock_};
  DirectExecutor executor_;
  Surroundings surroundings_;
  std::shared_ptr<Script> script_ = std::make_shared<Script>();
  Registry registry_;
};

inline constexpr int64_t kMilli = 1'000'000;
inline constexpr int64_t kSecondNanos = 1'000 * kMilli;

}  // namespace millrace::connector::resilience
