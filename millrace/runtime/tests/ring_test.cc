#include <map>
#include <set>
#include <thread>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/runtime/exchange.h"
#include "millrace/runtime/pipeline.h"
#include "millrace/runtime/simulated_scheduler.h"

namespace millrace::runtime {
namespace {

using operators::Barrier;
using operators::End;
using operators::Event;
using operators::SplitBegin;
using operators::Watermark;

data::Batch Rows(std::vector<int64_t> values, int64_t split = 0) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  data::Batch batch;
  batch.rows = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("v", arrow::int64())}),
      static_cast<int64_t>(values.size()), {builder.Finish().ValueOrDie()});
  batch.split = SplitId{split};
  return batch;
}

int64_t First(const Event& event) {
  return static_cast<const arrow::Int64Array&>(
             *std::get<data::Batch>(event).rows->column(0))
      .Value(0);
}

// Counts wakes; RunUntil-like waiting is left to the tests.
class Counter final : public Wakeable {
 public:
  void Wake() override { wakes.fetch_add(1); }
  std::atomic<int> wakes{0};
};

PushState Push(Ring& ring, Event event, int64_t bytes) { return ring.Push(event, bytes); }

TEST(Ring, RefusesOverCreditButNeverTheFirst) {
  Ring ring(100);
  EXPECT_EQ(Push(ring, Rows({1}), 1000), PushState::kAccepted);
  EXPECT_EQ(Push(ring, Rows({2}), 1), PushState::kBlocked);
  EXPECT_EQ(Push(ring, Watermark{5}, 0), PushState::kAccepted);
  Event event;
  ASSERT_TRUE(ring.Pop(&event));
  EXPECT_EQ(First(event), 1);
  EXPECT_EQ(Push(ring, Rows({2}), 60), PushState::kAccepted);
  EXPECT_EQ(Push(ring, Rows({3}), 60), PushState::kBlocked);
}

TEST(Ring, WakesTheOneThatWaits) {
  auto producer = std::make_shared<Counter>(), consumer = std::make_shared<Counter>();
  Ring ring(10);
  ring.Connect(Waker(producer), Waker(consumer));
  Event event;
  EXPECT_FALSE(ring.Pop(&event));
  EXPECT_EQ(Push(ring, Rows({1}), 10), PushState::kAccepted);
  EXPECT_EQ(consumer->wakes, 1);
  EXPECT_EQ(Push(ring, Rows({2}), 10), PushState::kBlocked);
  EXPECT_EQ(producer->wakes, 0);
  ASSERT_TRUE(ring.Pop(&event));
  EXPECT_EQ(producer->wakes, 1);
  EXPECT_EQ(Push(ring, Rows({2}), 10), PushState::kAccepted);
  EXPECT_EQ(consumer->wakes, 1);  // it was not waiting
  EXPECT_EQ(Push(ring, Rows({3}), 10), PushState::kBlocked);
  ring.Close();
  EXPECT_EQ(producer->wakes, 2);
  EXPECT_EQ(Push(ring, Rows({3}), 10), PushState::kClosed);
}

// Both ends at full speed on two threads: every value arrives once and in order.
// ThreadSanitizer watches.
TEST(Ring, TwoThreads) {
  constexpr int64_t kCount = 20000;
  Ring ring(64);
  std::thread producer([&ring] {
    for (int64_t i = 0; i < kCount;) {
      Event event = Rows({i});
      if (ring.Push(event, 8) == PushState::kAccepted) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int64_t i = 0; i < kCount;) {
    Event event;
    if (ring.Pop(&event)) {
      ASSERT_EQ(First(event), i++);
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
}

std::vector<RingPtr> Rings(size_t count) {
  std::vector<RingPtr> rings;
  for (size_t i = 0; i < count; ++i) rings.push_back(std::make_shared<Ring>(1 << 20));
  return rings;
}

std::string Text(const Event& event) {
  if (const auto* batch = std::get_if<data::Batch>(&event))
    return "rows " + std::to_string(First(event)) + " of " +
           std::to_string(batch->split.value);
  if (const auto* watermark = std::get_if<Watermark>(&event)) {
    return (watermark->idle ? "idle " : "watermark ") + std::to_string(watermark->micros);
  }
  if (const auto* barrier = std::get_if<Barrier>(&event))
    return "barrier " + std::to_string(barrier->epoch.value);
  if (const auto* split = std::get_if<SplitBegin>(&event))
    return "split " + std::to_string(split->split.value);
  if (std::holds_alternative<End>(event)) return "end";
  return "?";
}

std::vector<std::string> Drain(ExchangeReceiver& receiver) {
  std::vector<std::string> out;
  Event event;
  while (receiver.Pull({}, {}, &event).ValueOrDie()) {
    out.push_back(Text(event));
    if (out.back() == "end") break;
  }
  return out;
}

TEST(ExchangeReceiver, TimeIsTheLeastThatIsAnnounced) {
  auto rings = Rings(2);
  ExchangeReceiver receiver(rings, false);
  Push(*rings[0], Watermark{100}, 0);
  EXPECT_TRUE(Drain(receiver).empty());  // the other has said nothing yet
  Push(*rings[1], Watermark{50}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"watermark 50"});
  // Rows of the other may still be on their way: its own announcement is waited for.
  Push(*rings[1], Watermark{100, true}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"watermark 100"});
  Push(*rings[0], Watermark{100, true}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"idle 100"});
  Push(*rings[1], Watermark{100, false}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"watermark 100"});
  Push(*rings[1], End{}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"idle 100"});
  Push(*rings[0], Watermark{200}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"watermark 200"});
  Push(*rings[0], End{}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"end"});
}

TEST(ExchangeReceiver, BarriersAlign) {
  auto rings = Rings(2);
  ExchangeReceiver receiver(rings, false);
  Push(*rings[0], Rows({1}), 8);
  Push(*rings[0], Barrier{Epoch{1}}, 0);
  Push(*rings[0], Rows({2}), 8);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"rows 1 of 0"});
  Push(*rings[1], Rows({3}), 8);
  Push(*rings[1], Barrier{Epoch{1}}, 0);
  EXPECT_EQ(Drain(receiver),
            (std::vector<std::string>{"rows 3 of 0", "barrier 1", "rows 2 of 0"}));
}

TEST(ExchangeReceiver, SplitsInOrder) {
  auto rings = Rings(2);
  ExchangeReceiver receiver(rings, true);
  Push(*rings[1], SplitBegin{SplitId{1}}, 0);
  Push(*rings[1], Rows({10}, 1), 8);
  EXPECT_TRUE(Drain(receiver).empty());  // ring 0 may be in split 0
  Push(*rings[0], SplitBegin{SplitId{0}}, 0);
  Push(*rings[0], Rows({1}, 0), 8);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"rows 1 of 0"});
  Push(*rings[0], SplitBegin{SplitId{2}}, 0);
  Push(*rings[0], Rows({20}, 2), 8);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"rows 10 of 1"});
  Push(*rings[1], End{}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"rows 20 of 2"});
  Push(*rings[0], End{}, 0);
  EXPECT_EQ(Drain(receiver), std::vector<std::string>{"end"});
}

TEST(ExchangeSender, DealsEqualKeysToOneTaskAndLosesNothing) {
  auto rings = Rings(3);
  ExchangeSender sender(plan::ExchangeKind::kHash, {0}, rings,
                        arrow::system_memory_pool());
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 1000; ++i) values.push_back(i % 100);
  Event event = Rows(values);
  ASSERT_EQ(sender.Push(event, {}).ValueOrDie(), PushState::kAccepted);
  std::map<int64_t, std::set<size_t>> places;
  int64_t total = 0;
  for (size_t r = 0; r < rings.size(); ++r) {
    Event out;
    while (rings[r]->Pop(&out)) {
      const auto& column = static_cast<const arrow::Int64Array&>(
          *std::get<data::Batch>(out).rows->column(0));
      total += column.length();
      for (int64_t i = 0; i < column.length(); ++i) places[column.Value(i)].insert(r);
    }
  }
  EXPECT_EQ(total, 1000);
  EXPECT_EQ(places.size(), 100u);
  for (const auto& [key, tasks] : places) EXPECT_EQ(tasks.size(), 1u) << key;
}

// An endless input that pauses must not keep what it has given already.
TEST(ExchangeSender, KeepsNothingBackWhenNothingFollows) {
  auto ring = std::make_shared<Ring>(1);
  auto counter = std::make_shared<Counter>();
  ring->Connect(Waker(counter), {});
  ExchangeSender sender(plan::ExchangeKind::kHash, {0}, {ring},
                        arrow::system_memory_pool());
  for (const int64_t value : {1, 2}) {
    Event event = Rows({value});
    ASSERT_EQ(sender.Push(event, {}).ValueOrDie(), PushState::kAccepted);
  }
  Event event;
  ASSERT_TRUE(ring->Pop(&event));
  EXPECT_EQ(counter->wakes, 1);
  EXPECT_FALSE(ring->Pop(&event));
  ASSERT_OK(sender.Drain({}));
  ASSERT_TRUE(ring->Pop(&event));
  EXPECT_EQ(First(event), 2);
  // Nor the newest of many watermarks.
  for (int64_t i = 1; i <= 1000; ++i) {
    event = Watermark{i};
    ASSERT_EQ(sender.Push(event, {}).ValueOrDie(), PushState::kAccepted);
  }
  EXPECT_LT(ring->events_in_flight(), 100);
  ASSERT_OK(sender.Drain({}));
  int64_t newest = 0;
  while (ring->Pop(&event)) newest = std::get<Watermark>(event).micros;
  EXPECT_EQ(newest, 1000);
}

}  // namespace
}  // namespace millrace::runtime
