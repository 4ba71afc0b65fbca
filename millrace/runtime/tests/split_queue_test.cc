#include "millrace/runtime/split_queue.h"

#include "millrace/base/testing.h"

namespace millrace::runtime {
namespace {

using data::event_time::kMax;
using data::event_time::kMin;
using operators::Watermark;

std::vector<connector::SplitState> Splits(int first, int count,
                                          int64_t watermark = kMin) {
  std::vector<connector::SplitState> out;
  for (int i = 0; i < count; ++i) {
    connector::SplitState state;
    state.split.id = SplitId{first + i};
    state.watermark = watermark;
    out.push_back(state);
  }
  return out;
}

TEST(SplitQueue, NobodyIsAheadOfASplitThatIsNotReadYet) {
  SplitQueue queue(false, 2);
  queue.Add(Splits(0, 2));
  ASSERT_EQ(queue.Take(0)->split.id, SplitId{0});
  EXPECT_FALSE(queue.Report(0, {100, 100}));
  // Taken, but nothing is known of its rows.
  ASSERT_EQ(queue.Take(1)->split.id, SplitId{1});
  EXPECT_FALSE(queue.Report(0, {110, 110}));
  EXPECT_EQ(queue.time(), (Watermark{kMin, false}));
  EXPECT_TRUE(queue.Report(1, {70, 70}));
  EXPECT_EQ(queue.time(), (Watermark{70, false}));
  EXPECT_FALSE(queue.Take(0));
}

TEST(SplitQueue, WhoIsAtItsEndHoldsNobody) {
  SplitQueue queue(false, 2);
  queue.Add(Splits(0, 2));
  (void)queue.Take(0);
  (void)queue.Take(1);
  queue.Report(0, {100, 100});
  queue.Report(1, {50, 50});
  int64_t version = queue.time_version();
  EXPECT_TRUE(queue.Report(1, {kMax, 50}));
  EXPECT_EQ(queue.time(), (Watermark{100, false}));
  EXPECT_GT(queue.time_version(), std::exchange(version, queue.time_version()));
  EXPECT_TRUE(queue.Report(0, {kMax, 100}));
  EXPECT_EQ(queue.time(), (Watermark{100, true}));
  // One that comes back may be behind, but time does not go back.
  EXPECT_TRUE(queue.Report(1, {60, 60}));
  EXPECT_EQ(queue.time(), (Watermark{100, false}));
  EXPECT_FALSE(queue.Report(1, {60, 60}));
}

// The one ahead brings time to where it is, whoever came to its end first.
TEST(SplitQueue, WhenAllAreAtTheirEndTheNewestCounts) {
  for (const size_t first : {0, 1}) {
    SplitQueue queue(false, 2);
    queue.Add(Splits(0, 2));
    (void)queue.Take(0);
    (void)queue.Take(1);
    queue.Report(0, {100, 100});
    queue.Report(1, {50, 50});
    queue.Report(first, {kMax, first == 0 ? 100 : 50});
    EXPECT_TRUE(queue.Report(1 - first, {kMax, first == 0 ? 50 : 100}));
    EXPECT_EQ(queue.time(), (Watermark{100, true}));
  }
}

TEST(SplitQueue, ANewSplitIsWaitedFor) {
  SplitQueue queue(false, 1);
  EXPECT_EQ(queue.time(), (Watermark{kMin, true}));
  const int64_t version = queue.time_version();
  queue.Add(Splits(0, 1, 30));
  EXPECT_EQ(queue.time(), (Watermark{30, false}));
  EXPECT_GT(queue.time_version(), version);
  EXPECT_EQ(queue.Take(0)->watermark, 30);
}

// Its oldest row must not be late, not even where a window begins right behind it.
TEST(SplitQueue, StatisticsHoldBackLess) {
  SplitQueue queue(true, 1);
  auto splits = Splits(0, 1);
  splits[0].split.min_event_time = 500;
  queue.Add(splits);
  EXPECT_EQ(queue.time(), (Watermark{499, false}));
}

TEST(SplitQueue, WhatIsBoundedEndsAndIsNeverIdle) {
  SplitQueue queue(true, 2);
  queue.Add(Splits(0, 1));
  (void)queue.Take(1);
  queue.Report(1, {20, 20});
  EXPECT_FALSE(queue.Report(1, {kMax, 20}));
  EXPECT_EQ(queue.time(), (Watermark{20, false}));
}

}  // namespace
}  // namespace millrace::runtime
