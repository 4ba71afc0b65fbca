// Aggregations and sorts whose state is a multiple of the memory budget.
#include <filesystem>

#include <unistd.h>

#include "millrace/functions/functions.h"
#include "millrace/operators/errors.h"
#include "millrace/operators/tests/state_harness.h"
#include "millrace/operators/tests/windows.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators::testing_state {
namespace {

class Spill : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(functions::RegisterAll(functions_));
    folder_ = testing::TempDir() + "millrace-spill-test-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    space_ = std::make_unique<SpillSpace>(folder_);
    plenty_.memory = MemoryBudget::Make(int64_t{4} << 30, arrow::system_memory_pool());
    plenty_.clock = &clock_;
    plenty_.counters = &counters_;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  OperatorContext Short(int64_t bytes) {
    OperatorContext context = plenty_;
    context.memory = MemoryBudget::Make(bytes, arrow::system_memory_pool());
    context.spill = space_.get();
    context.checkpointed = true;
    return context;
  }

  expr::ExprPtr Column(int index) const {
    const auto& field = schema_->field(index);
    return expr::Expr::Column(index, field->name(), field->type());
  }

  plan::AggregateCall Call(const char* function, std::vector<int> columns,
                           bool distinct = false) {
    plan::AggregateCall call;
    call.function = functions_.FindAggregate(function);
    std::vector<expr::TypePtr> types;
    for (int column : columns) {
      types.push_back(schema_->field(column)->type());
      call.literals.push_back(nullptr);
    }
    call.binding = *call.function->bind(types, call.literals);
    for (size_t i = 0; i < columns.size(); ++i) {
      call.arguments.push_back(
          expr::Expr::Cast(Column(columns[i]), call.binding.argument_types[i]));
    }
    call.distinct = distinct;
    call.name = function;
    return call;
  }

  plan::NodePtr Scan(bool watermark = false) {
    auto table = std::make_shared<plan::Table>();
    table->name = "t";
    table->schema = schema_;
    if (watermark) table->watermark.emplace();
    return plan::ScanNode::Make(table);
  }

  // `batches` of 8 Ki rows with up to `distinct` keys, `epochs` barriers among them.
  std::vector<Event> Script(uint64_t seed, int batches, uint64_t distinct, int epochs,
                            bool watermark = false) {
    std::mt19937_64 random(seed);
    std::vector<Event> events;
    int64_t row = 0;
    for (int b = 1; b <= batches; ++b) {
      arrow::TimestampBuilder ts(schema_->field(0)->type(), arrow::default_memory_pool());
      arrow::Int64Builder k, n;
      arrow::StringBuilder s;
      for (int i = 0; i < 8192; ++i, ++row) {
        EXPECT_TRUE(ts.Append(row).ok());
        EXPECT_TRUE(k.Append(static_cast<int64_t>(random() % distinct) * 7919).ok());
        EXPECT_TRUE(n.Append(row % 1000).ok());
        EXPECT_TRUE(s.Append("text " + std::to_string(random() % 100'000)).ok());
      }
      data::Batch batch;
      batch.rows = arrow::RecordBatch::Make(
          schema_, 8192, {*ts.Finish(), *k.Finish(), *n.Finish(), *s.Finish()});
      events.emplace_back(std::move(batch));
      if (watermark) events.emplace_back(Watermark{row - 1});
      if (b % std::max(1, batches / (epochs + 1)) == 0 &&
          b / (batches / (epochs + 1)) <= epochs) {
        events.emplace_back(Barrier{Epoch{b / (batches / (epochs + 1))}});
      }
    }
    events.emplace_back(End{});
    return events;
  }

  void ExpectSame(const plan::Node& node, const Port& port, int64_t bytes,
                  const std::vector<Life>& lives, bool ordered = false) {
    ASSERT_OK_AND_ASSIGN(auto expected, Live(node, {port}, {{1}}, plenty_, 1));
    const int64_t files = space_->files_opened();
    ASSERT_OK_AND_ASSIGN(auto found, Live(node, {port}, lives, Short(bytes), 1));
    EXPECT_GT(space_->files_opened(), files) << "nothing was spilled";
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "files must have no names";
    if (!ordered) {
      expected.lines = Sorted(std::move(expected.lines));
      found.lines = Sorted(std::move(found.lines));
    }
    ASSERT_EQ(found.lines.size(), expected.lines.size());
    for (size_t i = 0; i < found.lines.size(); ++i)
      ASSERT_EQ(found.lines[i], expected.lines[i]) << "line " << i;
  }

  std::shared_ptr<arrow::Schema> schema_ =
      arrow::schema({arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO), false),
                     arrow::field("k", arrow::int64()), arrow::field("n", arrow::int64()),
                     arrow::field("s", arrow::utf8())});
  std::string folder_;
  std::unique_ptr<SpillSpace> space_;
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext plenty_;
  expr::FunctionRegistry functions_;
};

TEST_F(Spill, GroupBy) {
  const auto node = plan::AggregateNode::Make(
      Scan(), {Column(1)}, {"k"},
      {Call("count", {}), Call("sum", {2}), Call("max", {3}), Call("first", {3})});
  const Port port{Script(1, 24, 150'000, 4), ByKey({1})};
  ExpectSame(*node, port, 8 << 20, {{1}});
  ExpectSame(*node, port, 8 << 20, {{1, 1}, {1, 3}, {1, 4}, {1}});
  // The tasks of a life run one after the other here, and only one that runs can make
  // room.
  ExpectSame(*node, port, 14 << 20, {{2, 2}, {2, 3}, {1}});
}

TEST_F(Spill, StatesThatGrow) {
  const auto node = plan::AggregateNode::Make(
      Scan(), {Column(3)}, {"s"}, {Call("median", {2}), Call("count", {1}, true)});
  const Port port{Script(2, 40, 1'000'000, 4), ByKey({3})};
  ExpectSame(*node, port, 24 << 20, {{1}});
  ExpectSame(*node, port, 24 << 20, {{1, 2}, {2, 3}, {2}});
}

TEST_F(Spill, PartitionsThatDontFit) {
  // So little that a partition of the first level has to be dealt again.
  const auto node =
      plan::AggregateNode::Make(Scan(), {Column(1)}, {"k"}, {Call("sum", {2})});
  const Port port{Script(3, 150, 2'000'000, 1), ByKey({1})};
  ExpectSame(*node, port, 5 << 19, {{1}});
}

TEST_F(Spill, Windows) {
  for (const bool watermark : {true, false}) {
    const auto node = plan::AggregateNode::Make(
        Scan(watermark), {Column(1)}, {"k"}, {Call("count", {}), Call("string_agg", {3})},
        TumblingOf(100'000, 0));
    const Port port{Script(4, 24, 150'000, 4, watermark), ByKey({1})};
    ExpectSame(*node, port, 14 << 20, {{1}});
    // Windows that can be split are dealt by their start as well, so one task.
    ExpectSame(*node, port, 14 << 20, {{1, 1}, {1, 2}, {1, 3}, {1}});
  }
}

TEST_F(Spill, Sort) {
  const auto node = plan::SortNode::Make(Scan(), {{Column(3), true}});
  const Port port{Script(5, 24, 1000, 4), ByKey({})};
  ExpectSame(*node, port, 6 << 20, {{1}}, true);
  ExpectSame(*node, port, 6 << 20, {{1, 1}, {1, 3}, {1, 4}, {1}}, true);
  // Runs so small that they are merged on the way, and a limit that needs spilling.
  const auto top = plan::SortNode::Make(Scan(), {{Column(3)}}, 150'000, 1234);
  ExpectSame(*top, port, 3 << 20, {{1, 2}, {1}}, true);
}

TEST_F(Spill, FailsWhereThereIsNoFolder) {
  space_ = std::make_unique<SpillSpace>(folder_ + "/none");
  const auto node = plan::SortNode::Make(Scan(), {{Column(3)}});
  const Port port{Script(6, 24, 1000, 0), ByKey({})};
  const auto outcome = Live(*node, {port}, {{1}}, Short(6 << 20), 1);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(ErrorNumber(outcome.status()), errors::kSpillFolder.number);
  EXPECT_NE(ErrorText(outcome.status()).find(folder_ + "/none"), std::string::npos);
}

TEST_F(Spill, FailsWithoutASpillSpaceAsBefore) {
  auto context = Short(6 << 20);
  context.spill = nullptr;
  const auto node = plan::SortNode::Make(Scan(), {{Column(3)}});
  const Port port{Script(6, 24, 1000, 0), ByKey({})};
  const auto outcome = Live(*node, {port}, {{1}}, context, 1);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(ErrorNumber(outcome.status()), errors::kMemoryExceeded.number);
}

TEST(MemoryBudget, IsPressedAboveSeventyPercent) {
  const auto memory = MemoryBudget::Make(1000, arrow::system_memory_pool());
  ASSERT_OK(memory->Reserve(700));
  EXPECT_FALSE(memory->pressed());
  ASSERT_OK(memory->Reserve(1));
  EXPECT_TRUE(memory->pressed());
  memory->Release(701);
}

}  // namespace
}  // namespace millrace::operators::testing_state
