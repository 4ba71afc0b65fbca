// Functions OVER windows: compared with each frame added up by itself, through several
// lives, and with less memory than rows.
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>

#include <unistd.h>

#include "millrace/functions/functions.h"
#include "millrace/operators/tests/state_harness.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/scan_node.h"

namespace millrace::operators::testing_state {
namespace {

using plan::OverCall;
using plan::OverFrame;
using plan::OverFunction;
using Kind = plan::FrameBound::Kind;
using Unit = OverFrame::Unit;

constexpr int kT = 0, kK = 1, kV = 2, kX = 3, kS = 4, kN = 5;

class Over : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(functions::RegisterAll(functions_));
    folder_ = testing::TempDir() + "millrace-over-test-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    space_ = std::make_unique<SpillSpace>(folder_);
    context_.memory = MemoryBudget::Make(int64_t{4} << 30, arrow::system_memory_pool());
    context_.clock = &clock_;
    context_.counters = &counters_;
    context_.checkpointed = true;
    context_.batch_rows = 50;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  plan::NodePtr Scan() {
    auto table = std::make_shared<plan::Table>();
    table->name = "t";
    table->schema = schema_;
    return plan::ScanNode::Make(table);
  }

  expr::ExprPtr Column(int index) const {
    const auto& field = schema_->field(index);
    return expr::Expr::Column(index, field->name(), field->type());
  }

  OverCall Aggregate(const char* function, std::optional<int> column, OverFrame frame) {
    OverCall call;
    call.function = OverFunction::kAggregate;
    call.aggregate.function = functions_.FindAggregate(function);
    std::vector<expr::TypePtr> types;
    if (column) {
      types.push_back(schema_->field(*column)->type());
      call.aggregate.literals.push_back(nullptr);
    }
    call.aggregate.binding =
        *call.aggregate.function->bind(types, call.aggregate.literals);
    if (column) {
      call.aggregate.arguments.push_back(
          expr::Expr::Cast(Column(*column), call.aggregate.binding.argument_types[0]));
    }
    return Named(std::move(call), call.aggregate.binding.result, frame);
  }

  OverCall Value(OverFunction function, int column, OverFrame frame, int64_t number = 1) {
    OverCall call;
    call.function = function;
    call.number = number;
    call.aggregate.arguments.push_back(Column(column));
    return Named(std::move(call), schema_->field(column)->type(), frame);
  }

  OverCall Place(OverFunction function) {
    OverCall call;
    call.function = function;
    return Named(std::move(call), arrow::int64(), {});
  }

  OverCall Named(OverCall call, expr::TypePtr type, OverFrame frame) {
    call.frame = frame;
    call.type = std::move(type);
    call.name = "f" + std::to_string(names_++);
    return call;
  }

  static OverFrame Frame(Unit unit, Kind begin, int64_t from, Kind end, int64_t to) {
    return {unit, {begin, from}, {end, to}};
  }

  // Rows whose times go up with `step` and lie up to `disorder` behind.
  Rows MakeRows(std::mt19937_64& random, int64_t rows, int64_t disorder) {
    arrow::TimestampBuilder t(schema_->field(kT)->type(), arrow::default_memory_pool());
    arrow::Int64Builder k, v, n;
    arrow::DoubleBuilder x;
    arrow::StringBuilder s;
    for (int64_t i = 0; i < rows; ++i, ++next_) {
      const auto behind =
          static_cast<int64_t>(random() % static_cast<uint64_t>(disorder + 1));
      EXPECT_TRUE(t.Append(next_ / 2 - behind).ok());
      const auto key = static_cast<int64_t>(random() % 7);
      EXPECT_TRUE((key == 0 ? k.AppendNull() : k.Append(key)).ok());
      const auto value = static_cast<int64_t>(random() % 100) - 50;
      EXPECT_TRUE((random() % 5 == 0 ? v.AppendNull() : v.Append(value)).ok());
      // Quarters, so that sums are exact in any order.
      EXPECT_TRUE(
          (random() % 5 == 0 ? x.AppendNull() : x.Append(static_cast<double>(value) / 4))
              .ok());
      EXPECT_TRUE(s.Append("s" + std::to_string(random() % 50)).ok());
      EXPECT_TRUE(n.Append(next_).ok());
    }
    return arrow::RecordBatch::Make(
        schema_, rows,
        {*t.Finish(), *k.Finish(), *v.Finish(), *x.Finish(), *s.Finish(), *n.Finish()});
  }

  // Batches, watermarks `delay` behind the newest time, and the barriers 1 … `epochs`.
  std::vector<Event> Script(std::mt19937_64& random, int64_t epochs, int64_t delay,
                            int64_t disorder, int64_t most_rows = 90) {
    std::vector<Event> events;
    for (int64_t epoch = 1; epoch <= epochs + 1; ++epoch) {
      for (uint64_t i = 1 + random() % 4; i > 0; --i) {
        data::Batch batch;
        const auto rows =
            1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most_rows));
        batch.rows = MakeRows(random, rows, disorder);
        events.emplace_back(std::move(batch));
        if (random() % 3 > 0) events.emplace_back(Watermark{(next_ - 1) / 2 - delay});
      }
      if (epoch <= epochs) events.emplace_back(Barrier{Epoch{epoch}});
    }
    events.emplace_back(End{});
    return events;
  }

  std::vector<Life> Lives(std::mt19937_64& random, int64_t epochs, bool one_task) {
    std::vector<Life> lives;
    const int counts[] = {1, 2, 3, 8};
    for (int64_t until = 0; until < epochs;) {
      until += 1 + static_cast<int64_t>(random() % 3);
      lives.push_back({one_task ? 1 : counts[random() % 4], until >= epochs ? 0 : until});
    }
    return lives;
  }

  std::vector<OverCall> LookingBack() {
    const OverFrame growing;
    const auto rows = [](int64_t from, int64_t to) {
      return Frame(Unit::kRows, Kind::kPreceding, from, Kind::kPreceding, to);
    };
    const auto time = Frame(Unit::kRange, Kind::kPreceding, 20, Kind::kCurrentRow, 0);
    const auto groups = Frame(Unit::kGroups, Kind::kPreceding, 3, Kind::kCurrentRow, 0);
    const auto late =
        Frame(Unit::kRows, Kind::kUnboundedPreceding, 0, Kind::kPreceding, 2);
    return {Place(OverFunction::kRowNumber),
            Place(OverFunction::kRank),
            Place(OverFunction::kDenseRank),
            Aggregate("sum", kV, growing),
            Aggregate("sum", kX, growing),
            Aggregate("min", kX, growing),
            Aggregate("max", kS, growing),
            Aggregate("count", kV, late),
            Aggregate("median", kV, late),
            Aggregate("count", {}, rows(9, 0)),
            Aggregate("avg", kV, rows(9, 0)),
            Aggregate("sum", kX, rows(6, 2)),
            Aggregate("max", kV, rows(9, 0)),
            Aggregate("min", kS, rows(3, 0)),
            Aggregate("sum", kV, time),
            Aggregate("max", kX, time),
            Aggregate("avg", kX, groups),
            Value(OverFunction::kFirstValue, kS, rows(2, 2)),
            Value(OverFunction::kFirstValue, kN, growing),
            Value(OverFunction::kLastValue, kS, late),
            Value(OverFunction::kNthValue, kN, growing, 3),
            Value(OverFunction::kNthValue, kS, time, 2)};
  }

  std::vector<OverCall> LookingAhead() {
    const auto rows = Frame(Unit::kRows, Kind::kPreceding, 2, Kind::kFollowing, 3);
    const auto lead = Frame(Unit::kRows, Kind::kFollowing, 1, Kind::kFollowing, 1);
    const auto time = Frame(Unit::kRange, Kind::kPreceding, 10, Kind::kFollowing, 15);
    const auto groups = Frame(Unit::kGroups, Kind::kFollowing, 1, Kind::kFollowing, 2);
    const auto growing =
        Frame(Unit::kRows, Kind::kUnboundedPreceding, 0, Kind::kFollowing, 1);
    return {
        Place(OverFunction::kRowNumber), Aggregate("sum", kV, rows),
        Aggregate("min", kX, rows),      Value(OverFunction::kFirstValue, kS, lead),
        Aggregate("max", kV, time),      Aggregate("count", {}, groups),
        Aggregate("sum", kX, growing),   Value(OverFunction::kLastValue, kN, growing)};
  }

  plan::NodePtr Node(std::vector<OverCall> calls, bool keyed, bool by_time,
                     bool descending = false) {
    std::vector<expr::ExprPtr> partition;
    if (keyed) partition.push_back(Column(kK));
    return plan::OverNode::Make(Scan(), std::move(partition), {{Column(kT), descending}},
                                std::move(calls), by_time);
  }

  void ExpectSameInAllLives(const plan::NodePtr& node, const std::vector<Event>& events,
                            const std::vector<Life>& lives, bool keyed, uint64_t seed) {
    const Port port{events, ByKey(keyed ? std::vector<int>{kK} : std::vector<int>{})};
    auto plain = context_;
    plain.checkpointed = false;
    ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, {port}, {{1}}, plain, seed));
    ASSERT_OK_AND_ASSIGN(const auto found, Live(*node, {port}, lives, context_, seed));
    ASSERT_EQ(Sorted(found.lines), Sorted(expected.lines));
  }

  std::shared_ptr<arrow::Schema> schema_ = arrow::schema(
      {arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO)),
       arrow::field("k", arrow::int64()), arrow::field("v", arrow::int64()),
       arrow::field("x", arrow::float64()), arrow::field("s", arrow::utf8()),
       arrow::field("n", arrow::int64())});
  std::string folder_;
  std::unique_ptr<SpillSpace> space_;
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext context_;
  expr::FunctionRegistry functions_;
  int64_t next_ = 0;
  int names_ = 0;
};

TEST_F(Over, LivesThatLookBack) {
  constexpr int64_t kEpochs = 6;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const bool keyed = seed % 4 != 0;
    const auto node = Node(LookingBack(), keyed, true);
    const auto events = Script(random, kEpochs, 12, 10);
    ExpectSameInAllLives(node, events, Lives(random, kEpochs, !keyed), keyed, seed);
    EXPECT_EQ(counters_.late.load(), 0);
  }
}

TEST_F(Over, LivesThatLookAhead) {
  constexpr int64_t kEpochs = 6;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const bool keyed = seed % 4 != 0;
    const auto node = Node(LookingAhead(), keyed, true);
    const auto events = Script(random, kEpochs, 12, 10);
    ExpectSameInAllLives(node, events, Lives(random, kEpochs, !keyed), keyed, seed);
  }
}

TEST_F(Over, LivesUpToTheEnd) {
  constexpr int64_t kEpochs = 5;
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto calls = seed % 2 == 0 ? LookingAhead() : LookingBack();
    calls.push_back(Place(OverFunction::kNtile));
    const bool keyed = seed % 4 != 0;
    const auto node = Node(std::move(calls), keyed, false, seed % 3 == 0);
    const auto events = Script(random, kEpochs, 0, 30);
    ExpectSameInAllLives(node, events, Lives(random, kEpochs, !keyed), keyed, seed);
    EXPECT_EQ(counters_.late.load(), 0) << "nothing is late where all rows wait";
  }
}

// As rows leave with the watermark or all at the end: the same results.
TEST_F(Over, TimeGivesWhatTheEndGives) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto calls = seed % 2 == 0 ? LookingAhead() : LookingBack();
    const Port port{Script(random, 3, 12, 10), ByKey({kK})};
    ASSERT_OK_AND_ASSIGN(const auto at_end,
                         Live(*Node(calls, true, false), {port}, {{1}}, context_, seed));
    ASSERT_OK_AND_ASSIGN(const auto by_time,
                         Live(*Node(calls, true, true), {port}, {{1}}, context_, seed));
    ASSERT_EQ(Sorted(by_time.lines), Sorted(at_end.lines));
  }
}

// Each frame added up by itself from the rows.
TEST_F(Over, SumsOfEveryFrame) {
  const Kind kinds[] = {Kind::kUnboundedPreceding, Kind::kPreceding, Kind::kCurrentRow,
                        Kind::kFollowing, Kind::kUnboundedFollowing};
  std::mt19937_64 random(5);
  const Rows rows = MakeRows(random, 300, 40);
  const auto* times = rows->column(kT)->data()->GetValues<int64_t>(1);
  const auto& values = static_cast<const arrow::Int64Array&>(*rows->column(kV));
  std::vector<int64_t> order(300);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return times[a] < times[b]; });
  std::vector<int64_t> group(300, 1);  // by place in the order
  for (size_t i = 1; i < order.size(); ++i)
    group[i] = group[i - 1] + (times[order[i]] != times[order[i - 1]]);
  for (const Unit unit : {Unit::kRows, Unit::kRange, Unit::kGroups}) {
    for (const Kind begin : kinds) {
      for (const Kind end : kinds) {
        if (begin > end || begin == Kind::kUnboundedFollowing ||
            end == Kind::kUnboundedPreceding)
          continue;
        const int64_t from = 1 + static_cast<int64_t>(random() % 9);
        const int64_t to = 1 + static_cast<int64_t>(random() % 9);
        const OverFrame frame = Frame(unit, begin, from, end, to);
        SCOPED_TRACE(frame.ToString());
        const auto place = [&](size_t i) {
          return unit == Unit::kRows    ? static_cast<int64_t>(i)
                 : unit == Unit::kRange ? times[order[i]]
                                        : group[i];
        };
        const auto reach = [](Kind kind, int64_t offset) {
          return kind == Kind::kPreceding   ? -offset
                 : kind == Kind::kFollowing ? offset
                                            : 0;
        };
        std::vector<std::string> expected;
        for (size_t i = 0; i < order.size(); ++i) {
          int64_t sum = 0, count = 0, least = 1000;
          for (size_t j = 0; j < order.size(); ++j) {
            if (begin != Kind::kUnboundedPreceding &&
                place(j) < place(i) + reach(begin, from))
              continue;
            if (end != Kind::kUnboundedFollowing && place(j) > place(i) + reach(end, to))
              continue;
            if (values.IsNull(order[j])) continue;
            ++count;
            sum += values.Value(order[j]);
            least = std::min(least, values.Value(order[j]));
          }
          const std::string number = std::to_string(order[i]);
          expected.push_back(number + " " + (count == 0 ? "null" : std::to_string(sum)) +
                             " " + (count == 0 ? "null" : std::to_string(least)) + " " +
                             std::to_string(count));
        }
        const auto node = Node({Aggregate("sum", kV, frame), Aggregate("min", kV, frame),
                                Aggregate("count", kV, frame)},
                               false, false);
        data::Batch batch;
        batch.rows = rows;
        ASSERT_OK_AND_ASSIGN(auto over, Build(*node, context_));
        std::vector<std::string> found;
        for (Event event : {Event(batch), Event(End{})}) {
          Input in{0, std::move(event)};
          Output out;
          ASSERT_OK_AND_ASSIGN(OpState state, over->Run(&in, out, {}));
          while (state == OpState::kHasOutput) {
            ASSERT_OK_AND_ASSIGN(state, over->Run(nullptr, out, {}));
          }
          for (const Event& made : out.events()) {
            const auto* some = std::get_if<data::Batch>(&made);
            for (int64_t i = 0; some != nullptr && i < some->num_rows(); ++i) {
              std::string line;
              for (int column : {kN, kN + 1, kN + 2, kN + 3}) {
                const auto& cells =
                    static_cast<const arrow::Int64Array&>(*some->rows->column(column));
                line += column == kN ? "" : " ";
                line += cells.IsNull(i) ? "null" : std::to_string(cells.Value(i));
              }
              found.push_back(line);
            }
          }
        }
        ASSERT_EQ(found, expected);
      }
    }
  }
}

TEST_F(Over, LateRowsAreLeftOutAndCounted) {
  std::mt19937_64 random(8);
  next_ = 200;
  data::Batch first, second;
  first.rows = MakeRows(random, 10, 0);  // times 100 … 104
  next_ = 204;
  second.rows = MakeRows(random, 6, 0);  // 102 … 104
  const Port port{{Event(first), Event(Watermark{102}), Event(second), Event(End{})},
                  ByKey({})};
  const auto node = Node({Place(OverFunction::kRowNumber)}, false, true);
  ASSERT_OK_AND_ASSIGN(const auto outcome, Live(*node, {port}, {{1}}, context_, 1));
  EXPECT_EQ(outcome.lines.size(), 14u);
  EXPECT_EQ(counters_.late.load(), 2);
}

// What is due leaves in front of the watermark.
TEST_F(Over, WhatIsDueLeavesAtOnce) {
  std::mt19937_64 random(8);
  next_ = 200;
  data::Batch batch;
  batch.rows = MakeRows(random, 10, 0);  // times 100 … 104, two rows each
  const auto ahead = Frame(Unit::kRange, Kind::kCurrentRow, 0, Kind::kFollowing, 2);
  for (const bool waits : {false, true}) {
    const auto node =
        Node({waits ? Aggregate("count", {}, ahead) : Place(OverFunction::kRowNumber)},
             false, true);
    ASSERT_OK_AND_ASSIGN(auto over, Build(*node, context_));
    int64_t passed = 0;
    const auto run = [&](Event event) {
      Input in{0, std::move(event)};
      Output out;
      auto state = over->Run(&in, out, {});
      while (state.ok() && *state == OpState::kHasOutput)
        state = over->Run(nullptr, out, {});
      EXPECT_TRUE(state.ok()) << state.status();
      int64_t rows = 0;
      for (size_t i = 0; i < out.events().size(); ++i) {
        const auto* made = std::get_if<data::Batch>(&out.events()[i]);
        if (made != nullptr) {
          rows += made->num_rows();
          EXPECT_LT(i + 1, out.events().size()) << "the watermark comes last";
        }
        if (const auto* watermark = std::get_if<Watermark>(&out.events()[i]))
          passed = watermark->micros;
      }
      return rows;
    };
    EXPECT_EQ(run(Event(batch)), 0);
    EXPECT_EQ(run(Event(Watermark{99})), 0);
    EXPECT_EQ(run(Event(Watermark{102})), waits ? 2 : 6);
    // Rows of 101 wait for those up to 103.
    EXPECT_EQ(passed, waits ? 100 : 102);
    EXPECT_EQ(run(Event(Watermark{103})), 2);
    EXPECT_EQ(passed, waits ? 101 : 103);
    EXPECT_EQ(run(Event(End{})), waits ? 6 : 2);
  }
}

// What is kept is what frames need: checkpoints don't grow with the stream.
TEST_F(Over, StateIsBoundedByFrames) {
  const auto rows = Frame(Unit::kRows, Kind::kPreceding, 4, Kind::kCurrentRow, 0);
  const auto time = Frame(Unit::kRange, Kind::kPreceding, 20, Kind::kCurrentRow, 0);
  const auto node = Node({Aggregate("sum", kV, rows), Aggregate("max", kX, time),
                          Aggregate("sum", kV, OverFrame{}),
                          Value(OverFunction::kFirstValue, kS, OverFrame{})},
                         true, true);
  std::mt19937_64 random(3);
  std::vector<Event> events;
  for (int64_t epoch = 1; epoch <= 8; ++epoch) {
    for (int i = 0; i < 20; ++i) {
      data::Batch batch;
      batch.rows = MakeRows(random, 500, 0);
      events.emplace_back(std::move(batch));
      events.emplace_back(Watermark{(next_ - 1) / 2 - 1});
    }
    events.emplace_back(Barrier{Epoch{epoch}});
  }
  events.emplace_back(End{});
  ASSERT_OK_AND_ASSIGN(const auto outcome,
                       Live(*node, {{events, ByKey({kK})}}, {{1}}, context_, 1));
  EXPECT_EQ(outcome.lines.size(), 8u * 20 * 500);
  for (const int64_t written : outcome.rows_of_epoch) {
    // Seven keys: a row each, the first one, 5 rows or those of 21 instants; a few wait.
    EXPECT_LE(written, 7 + 7 + 2 * 22 + 7 * 5 + 6);
    EXPECT_GE(written, 7);
  }
}

TEST_F(Over, Spills) {
  context_.batch_rows = 4096;
  for (const bool by_time : {false, true}) {
    for (const bool keyed : {true, false}) {
      SCOPED_TRACE(std::to_string(by_time) + std::to_string(keyed));
      std::mt19937_64 random(11);
      next_ = 0;
      std::vector<Event> events;
      for (int64_t batch = 1; batch <= 12; ++batch) {
        data::Batch rows;
        rows.rows = MakeRows(random, 4096, 1000);
        events.emplace_back(std::move(rows));
        if (batch % 4 == 0) events.emplace_back(Barrier{Epoch{batch / 4}});
      }
      events.emplace_back(End{});
      const auto node =
          Node({Place(OverFunction::kRank), Aggregate("sum", kV, {}),
                Aggregate("max", kX,
                          Frame(Unit::kRows, Kind::kPreceding, 9, Kind::kCurrentRow, 0))},
               keyed, by_time);
      const Port port{events, ByKey(keyed ? std::vector<int>{kK} : std::vector<int>{})};
      ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, {port}, {{1}}, context_, 1));
      auto short_of = context_;
      // Rows that the watermark has not passed all come due at once here.
      short_of.memory =
          MemoryBudget::Make(by_time ? 12 << 20 : 3 << 20, arrow::system_memory_pool());
      short_of.spill = space_.get();
      const std::vector<std::vector<Life>> all = {{{1}}, {{1, 1}, {1, 2}, {1}}};
      for (const auto& lives : all) {
        const int64_t files = space_->files_opened();
        ASSERT_OK_AND_ASSIGN(const auto found, Live(*node, {port}, lives, short_of, 1));
        EXPECT_TRUE(by_time || space_->files_opened() > files) << "nothing was spilled";
        ASSERT_EQ(Sorted(found.lines), Sorted(expected.lines));
      }
    }
  }
}

// Partitions of which nothing is left are forgotten.
TEST_F(Over, KeysOfTimePastGo) {
  const auto time = Frame(Unit::kRange, Kind::kPreceding, 5, Kind::kCurrentRow, 0);
  const auto node = plan::OverNode::Make(
      Scan(), {Column(kN)}, {{Column(kT)}},
      {Aggregate("sum", kV, time), Aggregate("count", {}, time)}, true);
  std::mt19937_64 random(4);
  std::vector<Event> events;
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    for (int i = 0; i < 40; ++i) {
      data::Batch batch;
      batch.rows = MakeRows(random, 2000, 0);
      events.emplace_back(std::move(batch));
      events.emplace_back(Watermark{(next_ - 1) / 2 - 1});
    }
    events.emplace_back(Barrier{Epoch{epoch}});
  }
  events.emplace_back(End{});
  ASSERT_OK_AND_ASSIGN(const auto outcome,
                       Live(*node, {{events, ByKey({kN})}}, {{1}}, context_, 1));
  EXPECT_EQ(outcome.lines.size(), 4u * 40 * 2000);
  // 80 thousand keys an epoch.
  for (const int64_t written : outcome.rows_of_epoch) EXPECT_LT(written, 170'000);
}

}  // namespace
}  // namespace millrace::operators::testing_state
