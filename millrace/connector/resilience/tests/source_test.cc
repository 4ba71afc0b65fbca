// Sources under their policies: nothing lost, nothing repeated, waits as configured.
#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/resilience.h"
#include "millrace/connector/resilience/tests/flaky.h"

namespace millrace::connector::resilience {
namespace {

const Options kPlain = {{"retry_jitter", "false"}};

TEST_F(FlakyTest, AReaderGoesOnWhereItWas) {
  // Fails before anything, behind a dead letter, and behind a batch.
  for (int fail_at = 0; fail_at < 10; ++fail_at) {
    SCOPED_TRACE(fail_at);
    script_ = std::make_shared<Script>();
    for (int i = 0; i < fail_at; ++i) script_->polls.push_back(Status::OK());
    script_->polls.push_back(Passing());
    ASSERT_OK_AND_ASSIGN(auto source, MakeSource(kPlain));
    const Read read = ReadAll(*source);
    ASSERT_OK(read.status);
    EXPECT_EQ(read.rows, Expected(20));
    EXPECT_EQ(read.letters, (std::vector<std::string>{"3", "13"}));
    EXPECT_EQ(script_->opened, fail_at < 9 ? 2 : 1);
  }
}

TEST_F(FlakyTest, PausesGrowAndAttemptsEnd) {
  script_->polls = {Passing(), Passing(), Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"retry_attempts", "4"},
                                                {"retry_backoff", "100ms"},
                                                {"retry_multiplier", "3"},
                                                {"retry_backoff_max", "500ms"},
                                                {"retry_jitter", "false"}}));
  const Read read = ReadAll(*source);
  EXPECT_EQ(ErrorNumber(read.status), kPassing.number);
  EXPECT_NE(read.status.message().find("after 4 tries"), std::string::npos);
  EXPECT_EQ(timers_.waits,
            (std::vector<int64_t>{100 * kMilli, 300 * kMilli, 500 * kMilli}));
  EXPECT_EQ(script_->opened, 4);
}

TEST_F(FlakyTest, DefaultsAreThreeTriesFromOneSecond) {
  script_->polls = {Passing(), Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(kPlain));
  EXPECT_EQ(ErrorNumber(ReadAll(*source).status), kPassing.number);
  EXPECT_EQ(timers_.waits, (std::vector<int64_t>{kSecondNanos, 2 * kSecondNanos}));
}

TEST_F(FlakyTest, JitterShortensPauses) {
  script_->polls = {Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  ASSERT_OK(ReadAll(*source).status);
  ASSERT_EQ(timers_.waits.size(), 2u);
  EXPECT_LT(timers_.waits[0], kSecondNanos);
  EXPECT_LT(timers_.waits[1], 2 * kSecondNanos);
  EXPECT_NE(timers_.waits[1], 2 * timers_.waits[0]);
}

TEST_F(FlakyTest, OneAttemptIsNoRetry) {
  script_->polls = {Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"retry_attempts", "1"}}));
  EXPECT_EQ(ErrorNumber(ReadAll(*source).status), kPassing.number);
  EXPECT_EQ(script_->opened, 1);
}

TEST_F(FlakyTest, ProgressForgivesFailures) {
  // Two failures, a batch, two failures: never three in a row.
  script_->polls = {Passing(), Passing(), Status::OK(), Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(kPlain));
  const Read read = ReadAll(*source);
  ASSERT_OK(read.status);
  EXPECT_EQ(read.rows, Expected(20));
}

TEST_F(FlakyTest, ALastingErrorIsNotTriedAgain) {
  script_->polls = {Status::OK(), Lasting()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  EXPECT_EQ(ErrorNumber(ReadAll(*source).status), kLasting.number);
  EXPECT_EQ(script_->opened, 1);
  EXPECT_TRUE(timers_.waits.empty());
}

TEST_F(FlakyTest, NobodyWaitsForAPipelineThatIsGivenUp) {
  script_->discovers = {Passing(), Passing()};
  int asked = 0;
  surroundings_.given_up = [&]() -> Status {
    return asked++ < 1 ? Status::OK() : errors::kCancelled.Make({}, "");
  };
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(kPlain));
  EXPECT_EQ(ErrorNumber(source->Discover().status()), errors::kCancelled.number);
  // The pause before the second try was waited for, the next one not.
  EXPECT_EQ(asked, 2);
}

TEST_F(FlakyTest, WhatCannotBeDoneAgainDoesNotHideWhy) {
  script_->discovers = {Passing(), Lasting()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(kPlain));
  const Status status = source->Discover().status();
  EXPECT_EQ(ErrorNumber(status), kPassing.number);
  EXPECT_NE(status.message().find("trying again failed"), std::string::npos)
      << status.ToString();
}

TEST_F(FlakyTest, TheDeadlineEndsTrying) {
  script_->polls = {Passing(), Passing(), Passing(), Passing(), Passing()};
  Options options = kPlain;
  options["retry_attempts"] = "100";
  options["retry_deadline"] = "4s";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  EXPECT_EQ(ErrorNumber(ReadAll(*source).status), kPassing.number);
  // 1 s and 2 s are within, another 4 s would not be.
  EXPECT_EQ(timers_.waits, (std::vector<int64_t>{kSecondNanos, 2 * kSecondNanos}));
}

TEST_F(FlakyTest, OpeningIsTriedAgain) {
  script_->opens = {Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  EXPECT_EQ(ReadAll(*source).rows, Expected(20));
  EXPECT_EQ(script_->opened, 3);
}

TEST_F(FlakyTest, WhatCannotBeOpenedAgainDoesNotHideTheFirstError) {
  script_->polls = {Status::OK(), Passing()};
  script_->opens = {Status::OK(), Lasting()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  const Status status = ReadAll(*source).status;
  EXPECT_EQ(ErrorNumber(status), kPassing.number);
  EXPECT_NE(status.message().find("a lasting failure"), std::string::npos);
}

TEST_F(FlakyTest, WithoutPositionsRowsAreNotRepeated) {
  script_->positions = false;
  script_->polls = {Status::OK(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  const Read read = ReadAll(*source);
  EXPECT_EQ(ErrorNumber(read.status), kPassing.number);
  EXPECT_EQ(read.rows, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(script_->opened, 1);
}

TEST_F(FlakyTest, ASourceThatCannotSeekIsOnlyTriedBeforeItsFirstRow) {
  script_->seeks = false;
  script_->polls = {Passing(), Status::OK(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  EXPECT_EQ(ErrorNumber(ReadAll(*source).status), kPassing.number);
  EXPECT_EQ(script_->opened, 2);
}

TEST_F(FlakyTest, DiscoveringIsTriedAgain) {
  script_->discovers = {Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  ASSERT_OK(source->Discover().status());
  script_->discovers = {Passing(), Passing(), Passing()};
  EXPECT_EQ(ErrorNumber(source->Discover().status()), kPassing.number);
}

TEST_F(FlakyTest, TheBreakerPausesEveryReader) {
  script_->splits = 2;
  script_->polls = {Passing(), Passing()};
  Options options = kPlain;
  options["breaker_failures"] = "2";
  options["breaker_pause"] = "20s";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  const Read first = ReadAll(*source, 0);
  ASSERT_OK(first.status);
  // The second failure, at 1 s, opens it: not 2 s but 20 s are waited.
  EXPECT_EQ(timers_.waits, (std::vector<int64_t>{kSecondNanos, 20 * kSecondNanos}));
  EXPECT_EQ(first.rows, Expected(20));

  // Open it again; a reader that has not failed waits, too.
  script_->discovers = {Passing(), Passing(), Passing()};
  EXPECT_FALSE(source->Discover().ok());
  timers_.waits.clear();
  EXPECT_EQ(ReadAll(*source, 1).rows.size(), 18u);
  ASSERT_FALSE(timers_.waits.empty());
  EXPECT_GT(timers_.waits[0], 15 * kSecondNanos);
}

TEST_F(FlakyTest, WithoutABreakerNobodyWaitsForAnother) {
  script_->polls = {Passing(), Passing()};
  Options options = kPlain;
  options["breaker_failures"] = "0";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  ASSERT_OK(ReadAll(*source).status);
  EXPECT_EQ(timers_.waits, (std::vector<int64_t>{kSecondNanos, 2 * kSecondNanos}));
}

TEST_F(FlakyTest, ABreakerBeyondTheDeadlineSaysSo) {
  script_->polls = {Passing(), Passing()};
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"retry_attempts", "9"},
                                                {"retry_deadline", "10s"},
                                                {"breaker_failures", "2"},
                                                {"breaker_pause", "20s"}}));
  const Status status = ReadAll(*source).status;
  EXPECT_EQ(ErrorNumber(status), errors::kBreakerOpen.number) << status.ToString();
  EXPECT_NE(status.message().find("a passing failure"), std::string::npos);
}

TEST_F(FlakyTest, RowsKeepToTheirRate) {
  script_->rows = 1000;
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"rate_limit_rows", "100"}}));
  EXPECT_EQ(ReadAll(*source).rows, Expected(1000));
  // 900 rows at 100 a second, less the 10 that a full bucket holds.
  EXPECT_GE(now(), 8'700 * kMilli);
  EXPECT_LE(now(), 9'100 * kMilli);
}

TEST_F(FlakyTest, ABatchIsNoLargerThanItsRateAllows) {
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"rate_limit_rows", "20"}}));
  EXPECT_EQ(ReadAll(*source).rows, Expected(20));
  for (const int64_t budget : script_->poll_budgets) EXPECT_LE(budget, 2);
}

TEST_F(FlakyTest, BytesKeepToTheirRate) {
  script_->rows = 1000;
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"rate_limit_bytes", "1000"}}));
  EXPECT_EQ(ReadAll(*source).rows, Expected(1000));
  EXPECT_GE(now(), 8'700 * kMilli);  // 9,000 bytes
  EXPECT_LE(now(), 9'100 * kMilli);
}

TEST_F(FlakyTest, WithoutALimitNobodyWaits) {
  script_->rows = 1000;
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  EXPECT_EQ(ReadAll(*source).rows, Expected(1000));
  EXPECT_EQ(now(), 0);
}

TEST_F(FlakyTest, AReaderThatSaysNothingIsReplaced) {
  script_->never_ready = true;
  Options options = kPlain;
  options["timeout_read"] = "5s";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  const Status status = ReadAll(*source).status;
  EXPECT_EQ(ErrorNumber(status), errors::kReadTimedOut.number) << status.ToString();
  EXPECT_EQ(script_->opened, 3);
  EXPECT_EQ(now(), (5 + 1 + 5 + 2 + 5) * kSecondNanos);
}

TEST_F(FlakyTest, WithoutATimeOutSilenceIsNoFailure) {
  script_->never_ready = true;
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource());
  ASSERT_OK_AND_ASSIGN(auto reader, source->Open({}));
  clock_.Advance(3600 * kSecondNanos);
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(auto polled, reader->Poll(Budget{}, Waker()));
    EXPECT_EQ(polled.state, PollState::kPending);
  }
  EXPECT_EQ(script_->opened, 1);
}

TEST_F(FlakyTest, AReaderThatDoesNotBecomeUsableIsReplaced) {
  script_->never_ready = true;
  Options options = kPlain;
  options["timeout_connect"] = "3s";
  options["timeout_read"] = "1s";  // counts later only
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  const Status status = ReadAll(*source).status;
  EXPECT_EQ(ErrorNumber(status), errors::kConnectTimedOut.number) << status.ToString();
  EXPECT_EQ(script_->opened, 3);
  EXPECT_EQ(now(), (3 + 1 + 3 + 2 + 3) * kSecondNanos);
}

TEST_F(FlakyTest, AReaderThatHasAnsweredIsConnected) {
  script_->quiet = true;
  Options options = kPlain;
  options["timeout_connect"] = "3s";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  ASSERT_OK_AND_ASSIGN(auto reader, source->Open({}));
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(auto polled, reader->Poll(Budget{}, Waker()));
    EXPECT_EQ(polled.state, i == 0 ? PollState::kCaughtUp : PollState::kPending);
    clock_.Advance(3600 * kSecondNanos);
  }
  EXPECT_EQ(script_->opened, 1);

  options["timeout_read"] = "1s";
  ASSERT_OK_AND_ASSIGN(source, MakeSource(options));
  ASSERT_OK_AND_ASSIGN(reader, source->Open({}));
  for (int i = 0; i < 10; ++i) ASSERT_OK(reader->Poll(Budget{}, Waker()).status());
  EXPECT_NE(HealthOf(*source)->Look().last_error.find("MR-2500"), std::string::npos);
}

TEST_F(FlakyTest, ConnectionsAreLimitedInOrder) {
  script_->splits = 3;
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource({{"max_connections", "1"}}));
  ASSERT_OK_AND_ASSIGN(const auto splits, source->Discover());
  ASSERT_OK_AND_ASSIGN(auto second, source->Open(splits[1]));
  ASSERT_OK_AND_ASSIGN(auto polled, second->Poll(Budget{}, Waker()));
  EXPECT_EQ(polled.state, PollState::kPending);
  EXPECT_EQ(script_->opened, 0);
  EXPECT_EQ(ReadAll(*source, 0).rows, Expected(20));
  EXPECT_EQ(script_->opened, 1);
  ASSERT_OK_AND_ASSIGN(polled, second->Poll(Budget{}, Waker()));
  EXPECT_EQ(polled.state, PollState::kBatch);
  EXPECT_EQ(script_->opened, 2);
}

TEST_F(FlakyTest, AnEndlessSourceNeedsAConnectionForEachSplit) {
  script_->splits = 3;
  script_->bounded = false;
  ASSERT_OK_AND_ASSIGN(auto few, MakeSource({{"max_connections", "2"}}));
  EXPECT_EQ(ErrorNumber(few->Discover().status()), errors::kTooFewConnections.number);
  ASSERT_OK_AND_ASSIGN(auto enough, MakeSource({{"max_connections", "3"}}));
  ASSERT_OK(enough->Discover().status());
}

TEST_F(FlakyTest, HealthTellsWhatHappened) {
  script_->polls = {Passing(), Passing(), Status::OK()};
  Options options = kPlain;
  options["breaker_failures"] = "2";
  ASSERT_OK_AND_ASSIGN(auto source, MakeSource(options));
  const auto health = HealthOf(*source);
  ASSERT_NE(health, nullptr);
  EXPECT_EQ(health->Look().state, HealthState::kOk);
  EXPECT_EQ(health->Look().ToString(), "ok");
  ASSERT_OK_AND_ASSIGN(auto reader, source->Open({}));
  ASSERT_OK(reader->Poll(Budget{}, Waker()).status());
  EXPECT_EQ(health->Look().state, HealthState::kDegraded);
  ASSERT_OK(reader->Poll(Budget{}, Waker()).status());
  EXPECT_EQ(health->Look().state, HealthState::kDown);
  EXPECT_EQ(health->Look().breaker, BreakerState::kOpen);
  EXPECT_EQ(health->Look().failures_in_row, 2);
  ASSERT_OK(reader->Poll(Budget{}, Waker()).status());
  EXPECT_EQ(health->Look().state, HealthState::kOk);
  EXPECT_EQ(health->Look().failures, 2);
  EXPECT_EQ(health->Look().retries, 2);
  EXPECT_EQ(health->Look().failures_in_row, 0);
  EXPECT_NE(health->Look().last_error.find("MR-2548"), std::string::npos);
}

TEST_F(FlakyTest, OptionsAreChecked) {
  for (const auto& [name, value] : Options{{"retry_attempts", "0"},
                                           {"retry_backoff", "soon"},
                                           {"retry_multiplier", "0.5"},
                                           {"breaker_failures", "-1"},
                                           {"rate_limit_rows", "-5"},
                                           {"max_connections", "-1"}}) {
    EXPECT_EQ(ErrorNumber(MakeSource({{name, value}}).status()),
              errors::kBadOption.number)
        << name;
  }
  const Status typo = MakeSource({{"retry_atempts", "2"}}).status();
  EXPECT_EQ(ErrorNumber(typo), errors::kUnknownOption.number);
  EXPECT_NE(typo.message().find("retry_attempts"), std::string::npos);
  // What belongs to the other side is none of this one's.
  EXPECT_EQ(ErrorNumber(MakeSource({{"timeout_write", "1s"}}).status()),
            errors::kUnknownOption.number);
}

}  // namespace
}  // namespace millrace::connector::resilience
