// Where slices begin and end, above all where clocks change.
#include <date/date.h>

#include "millrace/base/error.h"
#include "millrace/base/testing.h"
#include "millrace/operators/window/slicing.h"

namespace millrace::operators {

namespace {

constexpr int64_t kMinute = 60'000'000;
constexpr int64_t kHour = 60 * kMinute;

int64_t At(int year, int month, int day, int hour = 0, int minute = 0) {
  const date::sys_days days = date::year(year) / month / day;
  return days.time_since_epoch().count() * 24 * kHour + hour * kHour + minute * kMinute;
}

plan::Window Of(plan::Window::Kind kind, plan::Span size, plan::Span step,
                const std::string& zone = "", int64_t offset = 0) {
  plan::Window out;
  out.kind = kind;
  out.size = size;
  out.step = step;
  out.time_zone = zone;
  out.offset_micros = offset;
  return out;
}

using Kind = plan::Window::Kind;

TEST(Slicing, TumblingBeforeAndAfter1970) {
  ASSERT_OK_AND_ASSIGN(const auto slicing,
                       Slicing::Make(Of(Kind::kTumbling, {0, 10}, {0, 10}, "", 3)));
  EXPECT_EQ(slicing.SliceOf(3), 0);
  EXPECT_EQ(slicing.SliceOf(12), 0);
  EXPECT_EQ(slicing.SliceOf(2), -1);
  EXPECT_EQ(slicing.SliceOf(-7), -1);
  EXPECT_EQ(slicing.SliceOf(-8), -2);
  EXPECT_EQ(slicing.StartOf(-2), -17);
  EXPECT_EQ(slicing.EndOf(-2), -7);
  // Closed when the watermark is at the last microsecond.
  EXPECT_EQ(slicing.FirstOpen(11), 0);
  EXPECT_EQ(slicing.FirstOpen(12), 1);
}

TEST(Slicing, WindowsOfASlice) {
  // Slices of 2 s; windows of five of them, every three.
  ASSERT_OK_AND_ASSIGN(const auto slides,
                       Slicing::Make(Of(Kind::kSliding, {0, 10}, {0, 6})));
  // Starts are ..., -3, 0, 3, ...; slice 4 lies in [0, 5) and [3, 8).
  EXPECT_EQ(slides.FirstWindow(4), 4);
  EXPECT_EQ(slides.LastWindow(4), 7);
  EXPECT_EQ(slides.FirstWindow(-1), 1);
  EXPECT_EQ(slides.LastWindow(-1), 1);
  EXPECT_EQ(slides.WindowStart(7), 6);
  EXPECT_EQ(slides.EndOf(7), 16);
  ASSERT_OK_AND_ASSIGN(const auto gaps,
                       Slicing::Make(Of(Kind::kSliding, {0, 2}, {0, 6})));
  EXPECT_LE(gaps.FirstWindow(3), gaps.LastWindow(3));
  EXPECT_GT(gaps.FirstWindow(4), gaps.LastWindow(4));
  ASSERT_OK_AND_ASSIGN(const auto grows,
                       Slicing::Make(Of(Kind::kCumulating, {0, 6}, {0, 2})));
  EXPECT_EQ(grows.FirstWindow(-2), -2);
  EXPECT_EQ(grows.LastWindow(-2), -1);
  EXPECT_EQ(grows.WindowStart(-2), -6);
  EXPECT_EQ(grows.EndOf(-2), -2);
}

TEST(Slicing, Months) {
  ASSERT_OK_AND_ASSIGN(const auto slicing,
                       Slicing::Make(Of(Kind::kTumbling, {3, 0}, {3, 0})));
  EXPECT_EQ(slicing.StartOf(slicing.SliceOf(At(2024, 2, 29))), At(2024, 1, 1));
  EXPECT_EQ(slicing.EndOf(slicing.SliceOf(At(2024, 2, 29))), At(2024, 4, 1));
  EXPECT_EQ(slicing.StartOf(slicing.SliceOf(At(1969, 12, 31))), At(1969, 10, 1));
}

TEST(Slicing, ClocksPutForward) {
  ASSERT_OK_AND_ASSIGN(
      const auto slicing,
      Slicing::Make(Of(Kind::kTumbling, {0, kHour}, {0, kHour}, "America/Los_Angeles")));
  const int64_t change = At(2021, 3, 14, 10);  // 2:00 becomes 3:00
  const int64_t before = slicing.SliceOf(change - 1);
  const int64_t after = slicing.SliceOf(change);
  EXPECT_EQ(after, before + 2);
  EXPECT_EQ(slicing.EndOf(before), change);
  EXPECT_EQ(slicing.StartOf(after), change);
  EXPECT_EQ(slicing.StartOf(before + 1), change);  // the hour left out is empty
  EXPECT_EQ(slicing.EndOf(before + 1), change);
  EXPECT_EQ(slicing.FirstOpen(change - 1), after);
}

TEST(Slicing, ClocksPutBack) {
  ASSERT_OK_AND_ASSIGN(const auto slicing,
                       Slicing::Make(Of(Kind::kTumbling, {0, 20 * kMinute},
                                        {0, 20 * kMinute}, "America/Los_Angeles")));
  const int64_t first = At(2021, 11, 7, 8);  // 1:00, and 2:00 becomes 1:00 an hour later
  const int64_t slice = slicing.SliceOf(first + 25 * kMinute);
  EXPECT_EQ(slicing.SliceOf(first + kHour + 25 * kMinute), slice);
  EXPECT_EQ(slicing.StartOf(slice), first + 20 * kMinute);
  EXPECT_EQ(slicing.EndOf(slice), first + kHour + 40 * kMinute);
  // Before the hour nothing is shown again.
  EXPECT_EQ(slicing.EndOf(slicing.SliceOf(first - 1)), first);
  // In the first pass every slice of the hour stays open; in the second they close.
  EXPECT_EQ(slicing.FirstOpen(first + 50 * kMinute), slice - 1);
  EXPECT_EQ(slicing.FirstOpen(first + kHour + 50 * kMinute), slice + 1);
}

// Against the definition, minute by minute around a year's changes.
TEST(Slicing, EveryInstantLiesInItsSlice) {
  for (const char* zone :
       {"America/Los_Angeles", "Australia/Lord_Howe", "Europe/Berlin"}) {
    for (const int64_t size : {20 * kMinute, 4 * kHour, 24 * kHour}) {
      ASSERT_OK_AND_ASSIGN(
          const auto slicing,
          Slicing::Make(Of(Kind::kTumbling, {0, size}, {0, size}, zone, 5 * kMinute)));
      int64_t open = slicing.FirstOpen(At(2021, 1, 1));
      for (int64_t t = At(2021, 1, 1); t < At(2022, 1, 1); t += 10 * kMinute) {
        const Slicing::Range range = slicing.Find(t);
        ASSERT_TRUE(range.Holds(t));
        ASSERT_EQ(slicing.SliceOf(range.begin), range.slice);
        ASSERT_EQ(slicing.SliceOf(range.end - 1), range.slice);
        ASSERT_LE(slicing.StartOf(range.slice), t);
        ASSERT_GT(slicing.EndOf(range.slice), t);
        ASSERT_GE(range.slice, open);  // nobody is late who comes in time
        const int64_t next = slicing.FirstOpen(t);
        ASSERT_GE(next, open);
        open = next;
      }
    }
  }
}

TEST(Slicing, UnknownZone) {
  EXPECT_EQ(
      ErrorNumber(
          Slicing::Make(Of(Kind::kTumbling, {0, 1}, {0, 1}, "Mars/Olympus")).status()),
      3508);
}

}  // namespace

}  // namespace millrace::operators
