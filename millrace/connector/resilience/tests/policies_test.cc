// The policies by themselves: numbers worked out by hand.
#include <limits>

#include "millrace/base/backoff.h"
#include "millrace/base/testing.h"
#include "millrace/connector/resilience/circuit_breaker.h"
#include "millrace/connector/resilience/connections.h"
#include "millrace/connector/resilience/token_bucket.h"

namespace millrace::connector::resilience {
namespace {

constexpr int64_t kOneSecond = 1'000'000'000;

TEST(Backoff, GrowsUpToItsMaximum) {
  Random random(1);
  const Backoff backoff{
      .first_nanos = 100, .multiplier = 3, .max_nanos = 1000, .jitter = false};
  EXPECT_EQ(backoff.Pause(1, random), 100);
  EXPECT_EQ(backoff.Pause(2, random), 300);
  EXPECT_EQ(backoff.Pause(3, random), 900);
  EXPECT_EQ(backoff.Pause(4, random), 1000);
  EXPECT_EQ(backoff.Pause(100'000, random), 1000);
}

TEST(Backoff, JitterIsSpreadOverTheWholePause) {
  Random random(1);
  const Backoff backoff{
      .first_nanos = 1000, .multiplier = 2, .max_nanos = 1000, .jitter = true};
  int low = 0;
  for (int i = 0; i < 1000; ++i) {
    const int64_t pause = backoff.Pause(1, random);
    ASSERT_GE(pause, 0);
    ASSERT_LT(pause, 1000);
    low += pause < 500;
  }
  EXPECT_GT(low, 400);
  EXPECT_LT(low, 600);
}

TEST(CircuitBreaker, OpensAfterFailuresInARowOnly) {
  CircuitBreaker breaker(3, 100);
  breaker.OnFailure(0);
  breaker.OnFailure(0);
  breaker.OnSuccess();
  breaker.OnFailure(0);
  breaker.OnFailure(0);
  EXPECT_EQ(breaker.state(), BreakerState::kClosed);
  EXPECT_EQ(breaker.Admit(5), 5);
  breaker.OnFailure(10);
  EXPECT_EQ(breaker.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker.Admit(11), 110);
}

TEST(CircuitBreaker, OneProbeDecides) {
  CircuitBreaker breaker(1, 100);
  breaker.OnFailure(0);
  EXPECT_EQ(breaker.Admit(99), 100);
  EXPECT_EQ(breaker.Admit(100), 100);
  EXPECT_EQ(breaker.state(), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker.Admit(101), 111);  // a second caller looks again soon
  breaker.OnFailure(120);
  EXPECT_EQ(breaker.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker.Admit(130), 220);
  EXPECT_EQ(breaker.Admit(220), 220);
  breaker.OnSuccess();
  EXPECT_EQ(breaker.state(), BreakerState::kClosed);
  EXPECT_EQ(breaker.Admit(221), 221);
}

TEST(CircuitBreaker, AProbeThatIsNeverHeardOfIsReplaced) {
  CircuitBreaker breaker(1, 100);
  breaker.OnFailure(0);
  EXPECT_EQ(breaker.Admit(100), 100);
  EXPECT_EQ(breaker.Admit(195), 200);
  EXPECT_EQ(breaker.Admit(200), 200);
}

TEST(CircuitBreaker, FailuresWhileOpenDoNotLengthenThePause) {
  CircuitBreaker breaker(1, 100);
  breaker.OnFailure(0);
  breaker.OnFailure(50);
  EXPECT_EQ(breaker.Admit(60), 100);
  EXPECT_EQ(breaker.failures(), 2);
}

TEST(CircuitBreaker, ZeroNeverOpens) {
  CircuitBreaker breaker(0, 100);
  for (int i = 0; i < 1000; ++i) breaker.OnFailure(0);
  EXPECT_EQ(breaker.Admit(1), 1);
}

TEST(TokenBucket, DebtIsPaidAtTheRate) {
  TokenBucket bucket(1000, 0);  // holds 100, gives when 50 are there
  EXPECT_EQ(bucket.ReadyAt(0), 0);
  EXPECT_EQ(bucket.Allowance(0), 100);
  bucket.Take(600, 0);  // 500 in debt: 550 are missing, at one a millisecond
  EXPECT_EQ(bucket.ReadyAt(0), 550 * kOneSecond / 1000);
  EXPECT_EQ(bucket.ReadyAt(500 * kOneSecond / 1000), 550 * kOneSecond / 1000);
  EXPECT_EQ(bucket.ReadyAt(kOneSecond), kOneSecond);
  EXPECT_EQ(bucket.Allowance(kOneSecond), 100);
}

TEST(TokenBucket, ASlowRateStillGivesOneAtATime) {
  TokenBucket bucket(2, 0);
  EXPECT_EQ(bucket.Allowance(0), 1);
  bucket.Take(1, 0);
  EXPECT_EQ(bucket.ReadyAt(0), kOneSecond / 2);
}

TEST(TokenBucket, ZeroIsNoLimit) {
  TokenBucket bucket(0, 0);
  bucket.Take(1'000'000'000, 0);
  EXPECT_EQ(bucket.ReadyAt(7), 7);
  EXPECT_EQ(bucket.Allowance(7), std::numeric_limits<int64_t>::max());
}

class Counter final : public Wakeable {
 public:
  void Wake() override { ++count; }
  int count = 0;
};

TEST(Connections, TheLowestUnfinishedSplitsGoFirst) {
  Connections connections(2);
  std::vector<Split> splits(4);
  for (size_t i = 0; i < 4; ++i) splits[i].id = SplitId{static_cast<int64_t>(i)};
  connections.Expect(splits);
  auto counter = std::make_shared<Counter>();
  const Waker waker(counter);
  // Though 3 asks first, the places belong to 0 and 1.
  EXPECT_FALSE(connections.Enter(SplitId{3}, waker));
  EXPECT_TRUE(connections.Enter(SplitId{1}, waker));
  EXPECT_TRUE(connections.Enter(SplitId{0}, waker));
  EXPECT_FALSE(connections.Enter(SplitId{2}, waker));
  connections.Leave(SplitId{1});
  EXPECT_EQ(counter->count, 2);
  EXPECT_TRUE(connections.Enter(SplitId{2}, waker));
  EXPECT_FALSE(connections.Enter(SplitId{3}, waker));
  // Told again, a finished split is not expected again.
  connections.Expect(splits);
  EXPECT_EQ(connections.unfinished(), 3u);
}

}  // namespace
}  // namespace millrace::connector::resilience
