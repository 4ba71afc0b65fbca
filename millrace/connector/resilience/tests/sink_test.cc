// Sinks under their policies: what may be repeated is, what may not is not.
#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/resilience.h"
#include "millrace/connector/resilience/tests/flaky.h"

namespace millrace::connector::resilience {
namespace {

class ResilientSinkTest : public FlakyTest {
 protected:
  data::Batch Rows(int64_t count) {
    data::Batch batch;
    batch.rows = NumberBatch(std::vector<int64_t>(static_cast<size_t>(count), 7));
    return batch;
  }
};

TEST_F(ResilientSinkTest, WhatIsHarmlessIsTriedAgain) {
  script_->ensures = {Passing(), Passing()};
  script_->opens = {Passing(), Passing()};
  script_->commits = {Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink());
  ASSERT_OK(sink->EnsureTable(nullptr, {}));
  ASSERT_OK(sink->Open(WriterId{0}).status());
  ASSERT_OK(sink->committer().Commit(Epoch{1}, {}).status());
  EXPECT_EQ(script_->ensured, 3);
  EXPECT_EQ(script_->opened, 3);
  EXPECT_EQ(script_->committed, 3);
}

TEST_F(ResilientSinkTest, ACommitIsGivenUpAfterItsAttempts) {
  script_->commits = {Passing(), Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink({{"retry_attempts", "2"}}));
  EXPECT_EQ(ErrorNumber(sink->committer().Commit(Epoch{1}, {}).status()),
            kPassing.number);
  EXPECT_EQ(script_->committed, 2);
  ASSERT_OK(sink->committer().Recover(Epoch{0}, {}).status());
}

TEST_F(ResilientSinkTest, AWriteIsNeverRepeated) {
  script_->writes = {Passing()};
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink());
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  EXPECT_EQ(ErrorNumber(writer->Write(Rows(1), Waker()).status()), kPassing.number);
  EXPECT_EQ(script_->written, 1);
  EXPECT_EQ(HealthOf(*sink)->Look().state, HealthState::kDown);
}

TEST_F(ResilientSinkTest, APrepareIsNeverRepeated) {
  script_->prepares = {Passing()};
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink());
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  EXPECT_EQ(ErrorNumber(writer->Prepare(Epoch{1}, true).status()), kPassing.number);
  ASSERT_OK_AND_ASSIGN(auto token, writer->Prepare(Epoch{2}, true).result());
  EXPECT_EQ(token.bytes, "piece");
}

TEST_F(ResilientSinkTest, AWriterThatTakesNothingRunsOutOfTime) {
  script_->never_ready = true;
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink({{"timeout_write", "5s"}}));
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  ASSERT_OK_AND_ASSIGN(auto state, writer->Write(Rows(1), Waker()));
  EXPECT_EQ(state, WriteState::kBlocked);
  EXPECT_EQ(now(), 5 * kSecondNanos);
  EXPECT_EQ(ErrorNumber(writer->Write(Rows(1), Waker()).status()),
            errors::kWriteTimedOut.number);

  ASSERT_OK_AND_ASSIGN(auto patient, MakeSink());
  ASSERT_OK_AND_ASSIGN(writer, patient->Open(WriterId{0}));
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(3600 * kSecondNanos);
    ASSERT_OK_AND_ASSIGN(state, writer->Write(Rows(1), Waker()));
    EXPECT_EQ(state, WriteState::kBlocked);
  }
}

TEST_F(ResilientSinkTest, AWriterThatDoesNotBecomeUsableRunsOutOfTime) {
  const Options options{{"timeout_write", "5s"}, {"timeout_connect", "3s"}};
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink(options));
  // Rows that come late are no fault of the writer's.
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  clock_.Advance(60 * kSecondNanos);
  ASSERT_OK_AND_ASSIGN(auto state, writer->Write(Rows(1), Waker()));
  EXPECT_EQ(state, WriteState::kAccepted);
  // From then on timeout_write counts.
  script_->never_ready = true;
  ASSERT_OK_AND_ASSIGN(state, writer->Write(Rows(1), Waker()));
  EXPECT_EQ(now(), 65 * kSecondNanos);
  EXPECT_EQ(ErrorNumber(writer->Write(Rows(1), Waker()).status()),
            errors::kWriteTimedOut.number);

  ASSERT_OK_AND_ASSIGN(writer, sink->Open(WriterId{1}));
  ASSERT_OK_AND_ASSIGN(state, writer->Write(Rows(1), Waker()));
  EXPECT_EQ(state, WriteState::kBlocked);
  EXPECT_EQ(now(), 68 * kSecondNanos);
  EXPECT_EQ(ErrorNumber(writer->Write(Rows(1), Waker()).status()),
            errors::kConnectTimedOut.number);
}

TEST_F(ResilientSinkTest, PrepareAndCommitRunOutOfTime) {
  script_->never_done = true;
  ASSERT_OK_AND_ASSIGN(auto sink, MakeSink({{"timeout_commit", "7s"}}));
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  EXPECT_EQ(ErrorNumber(writer->Prepare(Epoch{1}, true).status()),
            errors::kCommitTimedOut.number);
  EXPECT_EQ(now(), 7 * kSecondNanos);
  EXPECT_EQ(ErrorNumber(sink->committer().Commit(Epoch{1}, {}).status()),
            errors::kCommitTimedOut.number);
  EXPECT_EQ(script_->committed, 1);  // it may still happen: it is not called again
  EXPECT_EQ(ErrorNumber(sink->committer().Recover(Epoch{0}, {}).status()),
            errors::kCommitTimedOut.number);
  EXPECT_EQ(script_->recovered, 0);

  ASSERT_OK_AND_ASSIGN(auto patient, MakeSink());
  const Future<> waiting = patient->committer().Commit(Epoch{1}, {});
  clock_.Advance(3600 * kSecondNanos);
  EXPECT_FALSE(waiting.is_finished());
}

TEST_F(ResilientSinkTest, WritesKeepToTheirRate) {
  for (const auto& [name, value] :
       Options{{"rate_limit_rows", "100"}, {"rate_limit_bytes", "800"}}) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(auto sink, MakeSink({{name, value}}));
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
    const int64_t start = now();
    for (int i = 0; i < 20; ++i) {
      for (;;) {  // 50 rows of 8 bytes
        ASSERT_OK_AND_ASSIGN(auto state, writer->Write(Rows(50), Waker()));
        if (state == WriteState::kAccepted) break;
      }
    }
    // 950 rows before the last batch, at 100 a second, with the bucket at most a tenth
    // of a second ahead.
    EXPECT_GE(now() - start, 9'350 * kMilli);
    EXPECT_LE(now() - start, 9'600 * kMilli);
  }
}

TEST_F(ResilientSinkTest, ConnectionsLimitWriters) {
  ASSERT_OK_AND_ASSIGN(auto few, MakeSink({{"max_connections", "3"}}));
  EXPECT_EQ(few->max_writers(), 3);
  ASSERT_OK_AND_ASSIGN(auto many, MakeSink({{"max_connections", "30"}}));
  EXPECT_EQ(many->max_writers(), 8);
  ASSERT_OK_AND_ASSIGN(auto all, MakeSink());
  EXPECT_EQ(all->max_writers(), 8);
}

}  // namespace
}  // namespace millrace::connector::resilience
