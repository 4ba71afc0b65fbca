// Sessions against sessions found by sorting.
#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "millrace/base/testing.h"
#include "millrace/operators/window/open_sessions.h"

namespace millrace::operators {

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

struct Found {
  uint32_t key;
  int64_t start, end, rows;
  auto operator<=>(const Found&) const = default;
};

// Drives OpenSessions and counts rows as an aggregation does.
class Driver {
 public:
  Driver(int64_t gap, int64_t longest) : sessions_(gap, longest) {}

  bool Add(uint32_t key, int64_t time) {
    std::vector<OpenSessions::Merge> merges;
    const uint32_t id = sessions_.Add(key, time, closed_, &merges);
    if (id == OpenSessions::kNone) return false;
    ++rows_[id];
    for (const auto& merge : merges) {
      rows_[sessions_.Root(merge.into)] += rows_[merge.from];
    }
    return true;
  }
  void Close(int64_t watermark) {
    closed_ = watermark;
    std::vector<uint32_t> ended;
    sessions_.Close(watermark, &ended);
    for (const uint32_t id : ended) {
      out.push_back(
          {sessions_.key(id), sessions_.start(id), sessions_.end(id), rows_[id]});
    }
  }
  int64_t living() const { return sessions_.living(); }

  std::vector<Found> out;

 private:
  OpenSessions sessions_;
  std::map<uint32_t, int64_t> rows_;
  int64_t closed_ = kNever;
};

TEST(OpenSessions, AGapBeginsAnother) {
  Driver driver(10, 0);
  for (const int64_t time : {0, 9, 18, 28}) driver.Add(0, time);
  driver.Close(27);
  EXPECT_EQ(driver.out, (std::vector<Found>{{0, 0, 28, 3}}));
  driver.Close(36);
  EXPECT_EQ(driver.out.size(), 1);
  driver.Close(37);
  EXPECT_EQ(driver.out.back(), (Found{0, 28, 38, 1}));
}

TEST(OpenSessions, ABridgeMakesTwoOne) {
  Driver driver(10, 0);
  driver.Add(0, 0);
  driver.Add(0, 19);
  driver.Add(0, 9);
  EXPECT_EQ(driver.living(), 2);  // 9 reaches to 19, which is no part of it
  driver.Add(0, 10);
  EXPECT_EQ(driver.living(), 1);
  driver.Close(28);
  EXPECT_EQ(driver.out, (std::vector<Found>{{0, 0, 29, 4}}));
}

TEST(OpenSessions, LateIsWhatNoOpenSessionTakes) {
  Driver driver(10, 0);
  driver.Add(0, 20);
  driver.Close(25);
  EXPECT_TRUE(driver.Add(0, 12));   // its own session would be over, but it touches one
  EXPECT_TRUE(driver.Add(1, 17));   // [17, 27) is still open
  EXPECT_FALSE(driver.Add(1, 6));   // [6, 16) is over, and does not touch it
  EXPECT_FALSE(driver.Add(2, 15));  // [15, 25)
  driver.Close(100);
  std::sort(driver.out.begin(), driver.out.end());
  EXPECT_EQ(driver.out, (std::vector<Found>{{0, 12, 30, 2}, {1, 17, 27, 1}}));
}

TEST(OpenSessions, NoneIsLongerThanTheLongest) {
  Driver driver(10, 25);
  for (int64_t time = 0; time < 60; time += 5) driver.Add(0, time);
  driver.Close(1'000);
  EXPECT_EQ(driver.out,
            (std::vector<Found>{{0, 0, 25, 5}, {0, 25, 50, 5}, {0, 50, 65, 2}}));
}

TEST(OpenSessions, AnEarlierStartBringsTheEndForward) {
  Driver driver(10, 12);
  driver.Add(0, 100);
  driver.Add(0, 92);
  driver.Close(103);  // 92 + 12 − 1
  EXPECT_EQ(driver.out, (std::vector<Found>{{0, 92, 104, 2}}));
}

// Whatever the order within a bound, the answer is that of rows in order.
TEST(OpenSessions, AnyOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const int64_t gap = 1 + static_cast<int64_t>(random() % 40);
    const int64_t disorder = static_cast<int64_t>(random() % 60);
    std::vector<std::pair<int64_t, uint32_t>> rows;
    int64_t now = -500;
    for (int i = 0; i < 200; ++i) {
      now += static_cast<int64_t>(random() % 9);
      rows.emplace_back(now, random() % 4);
    }
    std::map<uint32_t, std::vector<int64_t>> by_key;
    for (const auto& [time, key] : rows) by_key[key].push_back(time);
    std::vector<Found> expected;
    for (const auto& [key, times] : by_key) {
      for (size_t i = 0; i < times.size(); ++i) {
        if (i == 0 || times[i] >= times[i - 1] + gap) {
          expected.push_back({key, times[i], 0, 0});
        }
        expected.back().end = times[i] + gap;
        ++expected.back().rows;
      }
    }
    std::vector<std::tuple<int64_t, int64_t, uint32_t>> order;
    for (const auto& [time, key] : rows) {
      order.emplace_back(time + static_cast<int64_t>(random() % (disorder + 1)), time,
                         key);
    }
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return std::get<0>(a) < std::get<0>(b);
    });
    Driver driver(gap, 0);
    int64_t seen = kNever;
    for (const auto& [shown, time, key] : order) {
      ASSERT_TRUE(driver.Add(key, time)) << "round " << round;
      seen = std::max(seen, time);
      if (random() % 3 == 0) driver.Close(seen - disorder - 1);
    }
    driver.Close(std::numeric_limits<int64_t>::max());
    EXPECT_EQ(driver.living(), 0);
    std::sort(driver.out.begin(), driver.out.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(driver.out, expected) << "round " << round << " gap " << gap;
  }
}

}  // namespace

}  // namespace millrace::operators
