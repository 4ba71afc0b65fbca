// Dead letters' places by themselves: what a crash leaves, and a sink that is slow.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include "millrace/base/testing.h"
#include "millrace/engine/dead_letter_file.h"
#include "millrace/engine/dead_letter_sink.h"
#include "millrace/engine/errors.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

DeadLetterRecord Letter(const std::string& raw) {
  DeadLetterRecord out;
  out.code = "MR-2105";
  out.reason = "because";
  out.where = {.file = "in.csv", .row = 7, .column = "c", .byte = 40};
  out.time = "2026-01-02 03:04:05";
  out.pipeline = "p";
  out.raw = raw;
  return out;
}

class DeadLetterFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("millrace-letters-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    path_ = (folder_ / "letters.ndjson").string();
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::vector<std::string> Raws() {
    std::vector<std::string> out;
    for (const auto& letter : ReadDeadLetters(*files_, path_).ValueOrDie()) {
      out.push_back(letter.raw);
    }
    return out;
  }
  using Raw = std::vector<std::string>;

  fs::path folder_;
  std::string path_;
  std::shared_ptr<io::FileSystem> files_ = io::MakeLocalFileSystem();
};

TEST_F(DeadLetterFileTest, ALineGivesBackTheLetter) {
  DeadLetterRecord letter = Letter(std::string("a\"\n\0\xFF", 5));
  letter.attempt = 3;
  letter.cut = true;
  std::ofstream(path_) << DeadLetterLine(letter);
  ASSERT_OK_AND_ASSIGN(const auto read, ReadDeadLetters(*files_, path_));
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].raw, letter.raw);
  EXPECT_EQ(read[0].where.ToString(), "in.csv, row 7, column c, byte 40");
  EXPECT_EQ(read[0].attempt, 3);
  EXPECT_TRUE(read[0].cut);
  EXPECT_EQ(DeadLetterLine(read[0]), DeadLetterLine(letter));
}

TEST_F(DeadLetterFileTest, EachSyncCanBeSeenAndSurvives) {
  {
    DeadLetterFile file(files_, path_, false);
    ASSERT_OK(file.Add({Letter("1")}));
    EXPECT_FALSE(fs::exists(path_));
    ASSERT_OK(file.Sync(false));
    EXPECT_EQ(Raws(), Raw{"1"});
    ASSERT_OK(file.Add({Letter("2")}));
    ASSERT_OK(file.Sync(false));
    EXPECT_EQ(Raws(), (Raw{"1", "2"}));
    ASSERT_OK(file.Add({Letter("3")}));
    // Gone without another Sync, as if it had been killed.
  }
  std::ofstream(path_, std::ios::app) << "{\"code\":\"MR-2";
  {
    DeadLetterFile file(files_, path_, /*continues=*/true);
    ASSERT_OK(file.Add({Letter("4")}));
    ASSERT_OK(file.Sync(true));
  }
  EXPECT_EQ(Raws(), (Raw{"1", "2", "3", "4"}));
  {
    DeadLetterFile file(files_, path_, /*continues=*/false);
    ASSERT_OK(file.Add({Letter("5")}));
    ASSERT_OK(file.Sync(true));
  }
  EXPECT_EQ(Raws(), Raw{"5"});
}

TEST_F(DeadLetterFileTest, WhatWasNeverSyncedLeavesNothing) {
  {
    DeadLetterFile file(files_, path_, false);
    ASSERT_OK(file.Add({Letter("1")}));
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

// A sink whose writer refuses every second batch until another thread has waked it.
class SlowSink final : public connector::Sink, public connector::Committer {
 public:
  struct Seen {
    std::vector<std::string> written, committed;
    int refused = 0;
  };
  explicit SlowSink(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}

  class Writer final : public connector::SinkWriter {
   public:
    explicit Writer(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
    ~Writer() override {
      if (waking_.joinable()) waking_.join();
    }
    Result<connector::WriteState> Write(const data::Batch& batch,
                                        const Waker& waker) override {
      if (waking_.joinable()) waking_.join();
      if (refuse_ = !refuse_; refuse_) {
        ++seen_->refused;
        waking_ = std::thread([waker] { waker.Wake(); });
        return connector::WriteState::kBlocked;
      }
      const auto raws = std::static_pointer_cast<arrow::StringArray>(
          batch.rows->GetColumnByName("raw"));
      for (int64_t i = 0; i < raws->length(); ++i) {
        seen_->written.push_back(raws->GetString(i));
      }
      return connector::WriteState::kAccepted;
    }
    Future<connector::CommitToken> Prepare(Epoch, bool) override {
      return Future<connector::CommitToken>::MakeFinished(
          connector::CommitToken{"piece", 1, 1});
    }

   private:
    const std::shared_ptr<Seen> seen_;
    bool refuse_ = false;
    std::thread waking_;
  };

  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    return Status::OK();
  }
  Status Apply(const connector::SchemaChange&) override { return Status::OK(); }
  connector::Accepts accepts() const override { return {}; }
  connector::CommitClass commit_class() const override {
    return connector::CommitClass::kTwoPhase;
  }
  int max_writers() const override { return 1; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId) override {
    return std::make_unique<Writer>(seen_);
  }
  connector::Committer& committer() override { return *this; }
  Future<> Commit(Epoch, std::vector<connector::CommitToken>) override {
    seen_->committed = seen_->written;
    return Future<>::MakeFinished();
  }
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<connector::RecoveryOutcome> Recover(
      Epoch, std::vector<connector::CommitToken>) override {
    return connector::RecoveryOutcome{};
  }

 private:
  const std::shared_ptr<Seen> seen_;
};

TEST(DeadLetterSink, ASlowSinkGetsEveryLetterInOrder) {
  auto scheduler = runtime::MakeThreadScheduler(1, false);
  auto seen = std::make_shared<SlowSink::Seen>();
  ASSERT_OK_AND_ASSIGN(
      auto store,
      MakeDeadLetterSink("aside", std::make_unique<SlowSink>(seen), {}, scheduler.get(),
                         MemoryBudget::Make(1 << 20, ProcessMemoryPool())));
  for (int i = 0; i < 5; ++i) ASSERT_OK(store->Add({Letter(std::to_string(i))}));
  ASSERT_OK(store->Sync(false));
  const std::vector<std::string> five = {"0", "1", "2", "3", "4"};
  EXPECT_EQ(seen->committed, five);
  EXPECT_GT(seen->refused, 0);
  ASSERT_OK(store->Add({Letter("5")}));
  EXPECT_EQ(seen->committed, five);
  ASSERT_OK(store->Sync(true));
  EXPECT_EQ(seen->committed.size(), 6u);
}

TEST(DeadLetterLimit, Texts) {
  ASSERT_OK_AND_ASSIGN(auto limit, DeadLetterLimit::Parse("12"));
  EXPECT_EQ(limit.count, 12);
  EXPECT_LT(limit.share, 0);
  ASSERT_OK_AND_ASSIGN(limit, DeadLetterLimit::Parse("2.5%"));
  EXPECT_DOUBLE_EQ(limit.share, 0.025);
  EXPECT_LT(limit.count, 0);
  for (const char* text : {"", "%", "-1", "1.5", "101%", "x"}) {
    EXPECT_EQ(ErrorNumber(DeadLetterLimit::Parse(text).status()),
              errors::kBadOption.number)
        << text;
  }
}

}  // namespace
}  // namespace millrace::engine
