// Join, Sort, Limit and Union through several lives.
#include "millrace/functions/functions.h"
#include "millrace/operators/tests/state_harness.h"
#include "millrace/plan/exchange_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"

namespace millrace::operators::testing_state {
namespace {

class RowState : public testing::Test {
 protected:
  void SetUp() override {
    context_.memory = MemoryBudget::Make(int64_t{4} << 30, arrow::system_memory_pool());
    context_.clock = &clock_;
    context_.counters = &counters_;
    context_.checkpointed = true;
    context_.batch_rows = 50;
  }

  plan::NodePtr Scan(const std::string& name) {
    auto table = std::make_shared<plan::Table>();
    table->name = name;
    table->schema = schema_;
    return plan::ScanNode::Make(table);
  }

  Rows MakeRows(std::mt19937_64& random, int64_t rows, int64_t distinct) {
    arrow::Int64Builder k, n;
    arrow::StringBuilder s;
    for (int64_t i = 0; i < rows; ++i) {
      const auto key = static_cast<int64_t>(random() % static_cast<uint64_t>(distinct));
      EXPECT_TRUE((random() % 12 == 0 ? k.AppendNull() : k.Append(key)).ok());
      EXPECT_TRUE(s.Append("s" + std::to_string(random() % 5)).ok());
      EXPECT_TRUE(n.Append(next_++).ok());
    }
    return arrow::RecordBatch::Make(schema_, rows,
                                    {*k.Finish(), *s.Finish(), *n.Finish()});
  }

  // Batches with the barriers 1 … `epochs` among them, as far as the port lives: it ends
  // behind the barrier `ends_after`.
  std::vector<Event> Script(std::mt19937_64& random, int64_t epochs, int64_t ends_after,
                            int64_t distinct, int64_t most_rows = 90) {
    std::vector<Event> events;
    for (int64_t epoch = 1; epoch <= ends_after + 1; ++epoch) {
      for (uint64_t i = random() % 4; i > 0; --i) {
        data::Batch batch;
        batch.rows = MakeRows(
            random, 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most_rows)),
            distinct);
        events.emplace_back(std::move(batch));
        if (random() % 3 == 0) events.emplace_back(Watermark{next_});
      }
      if (epoch <= ends_after && epoch <= epochs)
        events.emplace_back(Barrier{Epoch{epoch}});
    }
    events.emplace_back(End{});
    return events;
  }

  std::vector<Life> Lives(std::mt19937_64& random, int64_t epochs, bool one_task) {
    std::vector<Life> lives;
    const int counts[] = {1, 2, 3, 8};
    for (int64_t until = 0; until < epochs;) {
      until += 1 + static_cast<int64_t>(random() % 3);
      const int tasks = one_task                              ? 1
                        : !lives.empty() && random() % 2 == 0 ? lives.back().tasks
                                                              : counts[random() % 4];
      lives.push_back({tasks, until >= epochs ? 0 : until});
    }
    return lives;
  }

  std::shared_ptr<arrow::Schema> schema_ =
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("s", arrow::utf8()),
                     arrow::field("n", arrow::int64(), false)});
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext context_;
  int64_t next_ = 0;
};

TEST_F(RowState, JoinsOfEveryType) {
  using plan::JoinType;
  constexpr int64_t kEpochs = 6;
  const auto left_key = expr::Expr::Column(0, "k", arrow::int64());
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    for (JoinType type : {JoinType::kInner, JoinType::kLeft, JoinType::kRight,
                          JoinType::kFull, JoinType::kSemi, JoinType::kAnti}) {
      for (const bool keyed : {true, false}) {
        SCOPED_TRACE(std::string(plan::JoinTypeName(type)) + ", seed " +
                     std::to_string(seed));
        std::mt19937_64 random(seed);
        const std::vector<expr::ExprPtr> keys =
            keyed ? std::vector{left_key} : std::vector<expr::ExprPtr>{};
        const auto node = plan::JoinNode::Make(Scan("l"), Scan("r"), type, keys, keys);
        const bool unmatched = type == JoinType::kRight || type == JoinType::kFull;
        // The build side ends before, among or behind the barriers.
        const int64_t build_ends = static_cast<int64_t>(random() % (kEpochs + 1));
        Port probe{Script(random, kEpochs, kEpochs, keyed ? 40 : 5, keyed ? 60 : 12), {}};
        Port build{Script(random, kEpochs, build_ends, keyed ? 60 : 5, keyed ? 60 : 12),
                   {}};
        const bool dealt = unmatched && keyed;
        probe.deal = dealt ? ByKey({0}) : InTurn();
        build.deal = dealt ? ByKey({0}) : ToAll();
        auto plain = context_;
        plain.checkpointed = false;
        ASSERT_OK_AND_ASSIGN(const auto expected,
                             Live(*node, {probe, build}, {{1}}, plain, seed));
        const auto lives = Lives(random, kEpochs, unmatched && !keyed);
        ASSERT_OK_AND_ASSIGN(const auto found,
                             Live(*node, {probe, build}, lives, context_, seed));
        ASSERT_EQ(Sorted(found.lines), Sorted(expected.lines));
      }
    }
  }
}

// Watermarks of the probe side go on, those of the build side do not, and every barrier
// is passed on once.
TEST_F(RowState, JoinPassesOnWhatIsOfTheProbeSide) {
  const auto key = expr::Expr::Column(0, "k", arrow::int64());
  const auto node =
      plan::JoinNode::Make(Scan("l"), Scan("r"), plan::JoinType::kInner, {key}, {key});
  std::mt19937_64 random(3);
  data::Batch rows;
  rows.rows = MakeRows(random, 10, 5);
  const Port probe{
      {Event(rows), Event(Watermark{100}), Event(Barrier{Epoch{1}}),
       Event(Watermark{200}), Event(rows), Event(Barrier{Epoch{2}}), Event(End{})},
      ToAll()};
  const Port build{{Event(Watermark{7}), Event(rows), Event(Barrier{Epoch{1}}),
                    Event(Watermark{8}), Event(rows), Event(End{})},
                   ToAll()};
  ASSERT_OK_AND_ASSIGN(const auto outcome,
                       Live(*node, {probe, build}, {{1}}, context_, 1));
  std::vector<std::string> seen;
  for (const Event& event : outcome.events) {
    if (const auto* watermark = std::get_if<Watermark>(&event))
      seen.push_back("w" + std::to_string(watermark->micros));
    if (const auto* barrier = std::get_if<Barrier>(&event))
      seen.push_back("b" + std::to_string(barrier->epoch.value));
    if (std::holds_alternative<End>(event)) seen.push_back("end");
  }
  // The build side is complete behind the first barrier: what came before it was held.
  EXPECT_EQ(seen, (std::vector<std::string>{"b1", "w100", "w200", "b2", "end"}));
}

TEST_F(RowState, JoinWritesItsBuildRowsOnce) {
  const auto key = expr::Expr::Column(0, "k", arrow::int64());
  for (const auto type : {plan::JoinType::kInner, plan::JoinType::kFull}) {
    const auto node = plan::JoinNode::Make(Scan("l"), Scan("r"), type, {key}, {key});
    std::mt19937_64 random(4);
    auto batch = [&](int64_t rows) {
      data::Batch out;
      out.rows = MakeRows(random, rows, 1'000'000'000);
      return Event(out);
    };
    const Port probe{{Event(Barrier{Epoch{1}}), Event(Barrier{Epoch{2}}), batch(10),
                      Event(Barrier{Epoch{3}}), Event(Barrier{Epoch{4}}), Event(End{})},
                     ToAll()};
    const Port build{{batch(1000), Event(Barrier{Epoch{1}}), batch(500), Event(End{})},
                     ToAll()};
    ASSERT_OK_AND_ASSIGN(const auto outcome,
                         Live(*node, {probe, build}, {{1}}, context_, 1));
    EXPECT_EQ(outcome.rows_of_epoch, (std::vector<int64_t>{1000, 500, 0, 0}));
  }
}

TEST_F(RowState, SortAndTopN) {
  constexpr int64_t kEpochs = 6;
  const auto key = expr::Expr::Column(1, "s", arrow::utf8());
  for (const std::optional<int64_t> limit :
       {std::optional<int64_t>(), std::optional<int64_t>(7),
        std::optional<int64_t>(120)}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      std::mt19937_64 random(seed);
      const auto node = plan::SortNode::Make(Scan("t"), {{key, seed % 2 == 0}}, limit, 3);
      const Port port{Script(random, kEpochs, kEpochs, 50), ByKey({})};
      auto plain = context_;
      plain.checkpointed = false;
      ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, {port}, {{1}}, plain, seed));
      // Rows of equal keys keep the order in which they came.
      ASSERT_OK_AND_ASSIGN(
          const auto found,
          Live(*node, {port}, Lives(random, kEpochs, true), context_, seed));
      ASSERT_EQ(found.lines, expected.lines);
    }
  }
}

// A top-N throws rows away once it has many: what was written is replaced then.
TEST_F(RowState, TopNAfterACut) {
  const auto key = expr::Expr::Column(2, "n", arrow::int64());
  const auto node = plan::SortNode::Make(Scan("t"), {{key, true}}, 100);
  std::mt19937_64 random(9);
  std::vector<Event> script;
  for (int64_t epoch = 1; epoch <= 6; ++epoch) {
    data::Batch batch;
    batch.rows = MakeRows(random, 30'000, 50);
    script.emplace_back(std::move(batch));
    script.emplace_back(Barrier{Epoch{epoch}});
  }
  script.emplace_back(End{});
  const std::vector<Port> ports{{script, ByKey({})}};
  ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, ports, {{1}}, context_, 1));
  ASSERT_EQ(expected.lines.size(), 100u);
  // The third batch is one too many for 2 * 100 + 65536 rows.
  EXPECT_EQ(expected.rows_of_epoch,
            (std::vector<int64_t>{30'000, 30'000, 100, 30'000, 30'000, 100}));
  ASSERT_OK_AND_ASSIGN(const auto found,
                       Live(*node, ports, {{1, 2}, {1, 3}, {1, 5}, {1, 0}}, context_, 1));
  EXPECT_EQ(found.lines, expected.lines);
}

TEST_F(RowState, Limit) {
  constexpr int64_t kEpochs = 6;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto node =
        plan::LimitNode::Make(Scan("t"), 1 + static_cast<int64_t>(random() % 900),
                              static_cast<int64_t>(random() % 200));
    const Port port{Script(random, kEpochs, kEpochs, 50), ByKey({})};
    ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, {port}, {{1}}, context_, seed));
    // No life begins behind the end.
    const auto reached = static_cast<int64_t>(expected.rows_of_epoch.size());
    auto lives = Lives(random, std::max<int64_t>(reached, 1), true);
    ASSERT_OK_AND_ASSIGN(const auto found, Live(*node, {port}, lives, context_, seed));
    ASSERT_EQ(found.lines, expected.lines);
  }
}

TEST_F(RowState, LimitWithNothingLeftEndsAtOnce) {
  const auto node = plan::LimitNode::Make(Scan("t"), 5);
  state::OperatorSnapshot snapshot(0, 1, true);
  snapshot.SetFact("left", 0);
  snapshot.SetFact("to_skip", 0);
  Checkpoint checkpoint;
  ASSERT_OK(checkpoint.Take(snapshot));
  ASSERT_OK_AND_ASSIGN(auto limit, Build(*node, context_));
  ASSERT_OK(limit->Restore(StoredState(checkpoint, 0, 1)));
  Input in{0, Watermark{5}};
  Output out;
  ASSERT_OK_AND_ASSIGN(const OpState state, limit->Run(&in, out, {}));
  EXPECT_EQ(state, OpState::kDone);
  ASSERT_EQ(out.events().size(), 1u);
  EXPECT_TRUE(std::holds_alternative<End>(out.events()[0]));
}

TEST_F(RowState, UnionMeetsBarriersOfAllInputs) {
  constexpr int64_t kEpochs = 5;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto node = plan::UnionNode::Make({Scan("a"), Scan("b"), Scan("c")});
    std::vector<Port> ports;
    for (int64_t ends : {kEpochs, int64_t{2}, int64_t{0}})
      ports.push_back({Script(random, kEpochs, ends, 50), InTurn()});
    ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, ports, {{1}}, context_, seed));
    ASSERT_OK_AND_ASSIGN(
        const auto found,
        Live(*node, ports, Lives(random, kEpochs, false), context_, seed));
    ASSERT_EQ(Sorted(found.lines), Sorted(expected.lines));
  }
}

}  // namespace
}  // namespace millrace::operators::testing_state
