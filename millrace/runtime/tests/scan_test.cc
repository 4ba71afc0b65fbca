#include "millrace/runtime/scan.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/plain_source.h"
#include "millrace/runtime/simulated_scheduler.h"

namespace millrace::runtime {
namespace {

using operators::Event;

// Batches of one row, one split, for ever.
class Endless final : public connector::testkit::PlainSource {
 public:
  class Reader final : public connector::SplitReader {
   public:
    explicit Reader(int* polls) : polls_(polls) {}
    Result<connector::PollResult> Poll(const Budget&, const Waker&) override {
      connector::PollResult out;
      out.state = connector::PollState::kBatch;
      arrow::Int64Builder builder;
      ARROW_RETURN_NOT_OK(builder.Append(++*polls_));
      ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
      out.batch.rows = arrow::RecordBatch::Make(
          arrow::schema({arrow::field("v", arrow::int64())}), 1, {column});
      return out;
    }
    Status Seek(const data::Position&) override { return Status::OK(); }

   private:
    int* const polls_;
  };

  Result<std::unique_ptr<connector::SplitReader>> Open(const connector::Split&) override {
    return std::make_unique<Reader>(&polls);
  }

  int polls = 0;
};

class NoReports final : public TaskReports {
 public:
  void Take(TaskReport) override {}
};

class HeldBack : public testing::Test {
 protected:
  HeldBack() {
    shared_->source = &source_;
    shared_->bounded = false;
    shared_->splits = std::make_shared<SplitQueue>(false, 1);
    shared_->splits->Add({connector::SplitState{}});
    shared_->progress = &progress_;
    shared_->memory = memory_;
    shared_->clock = &clock_;
    shared_->timers = &timers_;
  }

  // Does the scan give rows now?
  bool Gives() {
    Event event;
    const int before = source_.polls;
    while (leaf_.Pull({}, Waker(), &event).ValueOrDie()) {
      if (std::holds_alternative<data::Batch>(event)) return true;
    }
    EXPECT_EQ(source_.polls, before) << "rows were read and not given";
    return false;
  }
  void Pass(int64_t millis) {
    clock_.Advance(millis * 1'000'000);
    timers_.Fire();
  }

  static constexpr int64_t kLimit = 1 << 20;
  const std::shared_ptr<MemoryBudget> memory_ =
      MemoryBudget::Make(kLimit, arrow::system_memory_pool());
  ManualClock clock_{0};
  SimulatedTimers timers_{&clock_};
  Endless source_;
  Progress progress_;
  NoReports reports_;
  TaskCheckpoint checkpoint_{0, 0, 1, Epoch{1}, &reports_};
  const std::shared_ptr<ScanShared> shared_ = std::make_shared<ScanShared>();
  ScanLeaf leaf_{shared_, 0, &checkpoint_};
};

TEST_F(HeldBack, NothingIsReadWhileMemoryIsShortAndGetsLess) {
  EXPECT_TRUE(Gives());
  ASSERT_OK(memory_->Reserve(kLimit * 9 / 10));
  // As long as somebody gives memory back, however slowly.
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Gives()) << i;
    EXPECT_FALSE(timers_.empty()) << "nobody would look again";
    Pass(40);
    memory_->Release(100);
  }
  memory_->Release(kLimit / 2);
  EXPECT_TRUE(Gives());
}

// What is held is state then, which more rows may even complete: the budget decides.
TEST_F(HeldBack, ReadingGoesOnWhereNobodyGivesMemoryBack) {
  ASSERT_OK(memory_->Reserve(kLimit * 9 / 10));
  EXPECT_FALSE(Gives());
  Pass(40);
  EXPECT_FALSE(Gives());
  Pass(20);
  EXPECT_TRUE(Gives());
  EXPECT_TRUE(Gives());
  // The next time it is short is another time.
  memory_->Release(kLimit / 2);
  EXPECT_TRUE(Gives());
  ASSERT_OK(memory_->Reserve(kLimit / 2));
  EXPECT_FALSE(Gives());
  memory_->Release(kLimit * 9 / 10);
}

}  // namespace
}  // namespace millrace::runtime
