// Every aggregate, with and without windows, through lives of 1, 2, 3 and 8 tasks.
#include "millrace/functions/functions.h"
#include "millrace/operators/aggregate/changed_groups.h"
#include "millrace/operators/tests/state_harness.h"
#include "millrace/operators/tests/windows.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/scan_node.h"

namespace millrace::operators::testing_state {
namespace {

constexpr int kSteps = 24;
constexpr int kEpochs = 5;
constexpr int64_t kStepRows = 200;

class AggregateState : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(functions::RegisterAll(functions_));
    context_.memory = memory_;
    context_.clock = &clock_;
    context_.counters = &counters_;
    context_.checkpointed = true;
    context_.batch_rows = 64;
  }

  expr::ExprPtr Column(const std::string& name) const {
    const int index = schema_->GetFieldIndex(name);
    return expr::Expr::Column(index, name, schema_->field(index)->type());
  }

  // `arguments`: column names, or literals behind '='.
  plan::AggregateCall Call(const std::string& function,
                           const std::vector<std::string>& arguments,
                           bool distinct = false, bool ordered = false) {
    plan::AggregateCall call;
    call.function = functions_.FindAggregate(function);
    EXPECT_NE(call.function, nullptr) << function;
    used_.insert(call.function);
    if (ordered) call.function = call.function->ordered.get();
    std::vector<expr::TypePtr> types;
    std::vector<expr::ExprPtr> values;
    for (const std::string& argument : arguments) {
      if (argument[0] == '=') {
        std::shared_ptr<arrow::Scalar> literal =
            argument.find('.') != std::string::npos
                ? arrow::MakeScalar(std::stod(argument.substr(1)))
                : arrow::MakeScalar(argument.substr(1));
        values.push_back(expr::Expr::Literal(literal));
        call.literals.push_back(literal);
      } else {
        values.push_back(Column(argument));
        call.literals.push_back(nullptr);
      }
      types.push_back(values.back()->type());
    }
    auto bound = call.function->bind(types, call.literals);
    EXPECT_TRUE(bound.ok()) << function << ": " << ErrorText(bound.status());
    call.binding = *bound;
    for (size_t i = 0; i < values.size(); ++i)
      call.arguments.push_back(
          expr::Expr::Cast(values[i], call.binding.argument_types[i]));
    call.distinct = distinct;
    call.name = function;
    return call;
  }

  std::vector<std::vector<plan::AggregateCall>> AllCalls() {
    std::vector<std::vector<plan::AggregateCall>> all;
    auto filtered = Call("sum", {"v"});
    filtered.filter = Column("b");
    all.push_back({Call("count", {}), Call("count", {"v"}), Call("sum", {"v"}),
                   Call("avg", {"v"}), Call("min", {"v"}), Call("max", {"v"}), filtered});
    all.push_back({Call("sum", {"d"}), Call("min", {"d"}), Call("max", {"s"}),
                   Call("min", {"b"}), Call("sum", {"dec"}), Call("max", {"dec"}),
                   Call("sum", {"iv"}), Call("count", {"s"})});
    all.push_back({Call("bool_and", {"b"}), Call("bool_or", {"b"}), Call("first", {"s"}),
                   Call("last", {"v"}), Call("any_value", {"s"}), Call("delta", {"v"}),
                   Call("delta", {"d"})});
    all.push_back({Call("stddev_samp", {"d"}), Call("stddev_pop", {"d"}),
                   Call("var_samp", {"d"}), Call("var_pop", {"d"}),
                   Call("covar_pop", {"d", "v"}), Call("covar_samp", {"d", "v"}),
                   Call("corr", {"d", "v"}), Call("regr_slope", {"d", "v"}),
                   Call("regr_intercept", {"d", "v"}), Call("regr_r2", {"d", "v"})});
    all.push_back({Call("median", {"v"}), Call("percentile_cont", {"d", "=0.25"}),
                   Call("percentile_disc", {"s", "=0.7"}), Call("string_agg", {"s"}),
                   Call("string_agg", {"s", "=-"}),
                   Call("string_agg", {"s", "=;", "=aD", "v", "d"}, false, true)});
    all.push_back({Call("min_by", {"s", "v"}), Call("max_by", {"v", "d"}),
                   Call("first", {"s", "=A", "v"}, false, true),
                   Call("delta", {"v", "=d", "d"}, false, true), Call("array_agg", {"s"}),
                   Call("array_agg", {"s", "=aD", "v", "d"}, false, true),
                   Call("mode", {"s"})});
    all.push_back({Call("bit_and", {"v"}), Call("bit_or", {"v"}), Call("bit_xor", {"v"}),
                   Call("product", {"d"}), Call("skewness", {"d"}),
                   Call("kurtosis", {"d"}), Call("kurtosis_pop", {"v"}),
                   Call("regr_count", {"d", "v"}), Call("regr_avgx", {"d", "v"}),
                   Call("regr_avgy", {"d", "v"}), Call("regr_sxx", {"d", "v"}),
                   Call("regr_syy", {"d", "v"}), Call("regr_sxy", {"d", "v"})});
    all.push_back({Call("count_distinct", {"s"}), Call("approx_count_distinct", {"v"}),
                   Call("count", {"v"}), Call("max", {"ts"})});
    // These can't be split.
    all.push_back({Call("count", {"s"}, true), Call("sum", {"v"}, true),
                   Call("string_agg", {"s", "=,"}, true), Call("max", {"v"}, true),
                   Call("corr", {"d", "v"}, true), Call("array_agg", {"v"}, true)});
    all.push_back({});  // DISTINCT
    return all;
  }

  plan::NodePtr Node(std::vector<std::string> keys,
                     std::vector<plan::AggregateCall> calls, bool windows,
                     bool watermark) {
    auto table = std::make_shared<plan::Table>();
    table->name = "t";
    table->schema = schema_;
    if (watermark) table->watermark.emplace();
    std::optional<plan::Window> window;
    if (windows) window = TumblingOf(1'000, 300);
    std::vector<expr::ExprPtr> key_columns;
    for (const auto& key : keys) key_columns.push_back(Column(key));
    return plan::AggregateNode::Make(plan::ScanNode::Make(table), key_columns, keys,
                                     std::move(calls), window);
  }

  Rows MakeRows(std::mt19937_64& random, int64_t time) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const auto& field : schema_->fields()) {
      std::unique_ptr<arrow::ArrayBuilder> builder;
      EXPECT_TRUE(
          arrow::MakeBuilder(arrow::default_memory_pool(), field->type(), &builder).ok());
      for (int64_t i = 0; i < kStepRows; ++i) {
        if (field->nullable() && random() % 9 == 0) {
          EXPECT_TRUE(builder->AppendNull().ok());
          continue;
        }
        const auto n = static_cast<int64_t>(random() % 23);
        std::shared_ptr<arrow::Scalar> value;
        switch (field->type()->id()) {
          case arrow::Type::TIMESTAMP:
            value = *arrow::MakeScalar(field->type(),
                                       time + static_cast<int64_t>(random() % 2'500));
            break;
          case arrow::Type::INT64:
            value = arrow::MakeScalar(field->name() == "v"
                                          ? n * 1'000'003 - 7
                                          : n % 7 + (random() % 40 == 0 ? time : 0));
            break;
          case arrow::Type::DOUBLE:
            value = arrow::MakeScalar(static_cast<double>(n) * 0.25 - 2);
            break;
          case arrow::Type::STRING:
            value = arrow::MakeScalar(std::string(static_cast<size_t>(n % 5), 'x') +
                                      std::to_string(n % 6));
            break;
          case arrow::Type::BOOL: value = arrow::MakeScalar(n % 2 == 0); break;
          case arrow::Type::DECIMAL128:
            value = std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(n * 101),
                                                              field->type());
            break;
          default:
            value = std::make_shared<arrow::MonthDayNanoIntervalScalar>(
                arrow::MonthDayNanoIntervalType::MonthDayNanos{static_cast<int32_t>(n), 1,
                                                               n * 5});
        }
        EXPECT_TRUE(builder->AppendScalar(*value).ok());
      }
      columns.push_back(*builder->Finish());
    }
    return arrow::RecordBatch::Make(schema_, kStepRows, std::move(columns));
  }

  std::vector<Event> Script(uint64_t seed, bool watermark) {
    std::mt19937_64 random(seed);
    std::vector<Event> events;
    std::set<int> barriers;
    while (barriers.size() < kEpochs)
      barriers.insert(static_cast<int>(random() % kSteps));
    int64_t epoch = 0;
    for (int step = 0; step < kSteps; ++step) {
      data::Batch batch;
      batch.rows = MakeRows(random, step * 700);
      events.emplace_back(std::move(batch));
      if (watermark && random() % 2 == 0) events.emplace_back(Watermark{step * 700 - 1});
      if (barriers.contains(step)) events.emplace_back(Barrier{Epoch{++epoch}});
    }
    events.emplace_back(End{});
    return events;
  }

  // What the first half makes of a script, as it would reach the exchange.
  Result<std::vector<Event>> FirstHalf(const plan::Node& node,
                                       const std::vector<Event>& script) {
    ARROW_ASSIGN_OR_RAISE(auto partial, Build(node, context_));
    Output out;
    for (const Event& event : script) {
      Input in{0, event};
      ARROW_ASSIGN_OR_RAISE(auto state, partial->Run(&in, out, {}));
      while (state == OpState::kHasOutput) {
        ARROW_ASSIGN_OR_RAISE(state, partial->Run(nullptr, out, {}));
      }
      if (std::holds_alternative<Barrier>(event)) {
        state::OperatorSnapshot snapshot(0, 1, true);
        ARROW_RETURN_NOT_OK(partial->Snapshot(snapshot));
        EXPECT_TRUE(snapshot.pieces().empty()) << "a first half holds nothing";
      }
    }
    return std::move(out.events());
  }

  void Check(const std::vector<std::string>& keys,
             const std::vector<plan::AggregateCall>& calls, bool windows, bool watermark,
             uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto node = Node(keys, calls, windows, watermark);
    const auto& whole = static_cast<const plan::AggregateNode&>(*node);
    const auto script = Script(seed, watermark);
    std::vector<int> key_columns;
    for (const auto& key : keys) key_columns.push_back(schema_->GetFieldIndex(key));
    const Port rows{script, ByKey(key_columns)};
    auto plain = context_;
    plain.checkpointed = false;
    ASSERT_OK_AND_ASSIGN(const auto expected, Live(*node, {rows}, {{1}}, plain, seed));
    ASSERT_GT(expected.lines.size(), 0u);

    std::mt19937_64 random(seed);
    const bool one_task = keys.empty() && !(windows && whole.can_split());
    std::vector<Life> lives;
    const int counts[] = {1, 2, 3, 8};
    int64_t until = 0;
    while (until < kEpochs) {
      until += 1 + static_cast<int64_t>(random() % 2);
      // Now and then the number of tasks stays, and changes are built upon.
      const int tasks = one_task                              ? 1
                        : !lives.empty() && random() % 2 == 0 ? lives.back().tasks
                                                              : counts[random() % 4];
      lives.push_back({tasks, until >= kEpochs ? 0 : until});
    }
    if (!whole.can_split()) {
      ASSERT_OK_AND_ASSIGN(const auto found, Live(*node, {rows}, lives, context_, seed));
      ExpectSame(found, expected);
      return;
    }
    // In two halves; and the second one goes on from what one piece has left.
    const auto partial = whole.Partial();
    const auto last = whole.Final(partial);
    ASSERT_OK_AND_ASSIGN(auto states, FirstHalf(*partial, script));
    std::vector<int> state_keys;
    if (windows) state_keys.push_back(0);
    for (size_t i = 0; i < keys.size(); ++i)
      state_keys.push_back(static_cast<int>(i) + (windows ? 2 : 0));
    const Port halves{states, ByKey(state_keys)};
    ASSERT_OK_AND_ASSIGN(const auto joined, Live(*last, {halves}, {{1}}, plain, seed));
    // Merged moments are rounded otherwise than those of single rows.
    if (calls.empty() || calls[0].name != "stddev_samp") ExpectSame(joined, expected);
    ASSERT_OK_AND_ASSIGN(const auto found, Live(*last, {halves}, lives, context_, seed));
    ExpectSame(found, joined);
    for (Life& life : lives) life.tasks = 1;
    ASSERT_OK_AND_ASSIGN(const auto alone, Live(*node, {rows}, lives, context_, seed));
    ExpectSame(alone, expected);
  }

  static void ExpectSame(const Outcome& found, const Outcome& expected) {
    const auto lines = Sorted(found.lines), others = Sorted(expected.lines);
    EXPECT_EQ(lines.size(), others.size());
    for (size_t i = 0; i < std::min(lines.size(), others.size()); ++i)
      ASSERT_EQ(lines[i], others[i]) << "line " << i;
  }

  std::shared_ptr<arrow::Schema> schema_ = arrow::schema(
      {arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO), false),
       arrow::field("k", arrow::int64()), arrow::field("t", arrow::utf8()),
       arrow::field("v", arrow::int64()), arrow::field("d", arrow::float64()),
       arrow::field("s", arrow::utf8()), arrow::field("b", arrow::boolean()),
       arrow::field("dec", arrow::decimal128(10, 2)),
       arrow::field("iv", arrow::month_day_nano_interval())});
  std::shared_ptr<MemoryBudget> memory_ =
      MemoryBudget::Make(int64_t{4} << 30, arrow::system_memory_pool());
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext context_;
  expr::FunctionRegistry functions_;
  std::set<const expr::AggregateFunction*> used_;
};

TEST_F(AggregateState, EveryAggregateByKey) {
  uint64_t seed = 1;
  for (const auto& calls : AllCalls()) {
    for (int round = 0; round < 4; ++round)
      Check({"k", "t"}, calls, false, false, seed++);
  }
  for (const auto* function : functions_.aggregates())
    EXPECT_TRUE(used_.contains(function)) << function->doc.name;
}

TEST_F(AggregateState, EveryAggregateInWindowsThatClose) {
  uint64_t seed = 100;
  for (const auto& calls : AllCalls()) {
    for (int round = 0; round < 4; ++round) Check({"k"}, calls, true, true, seed++);
  }
}

TEST_F(AggregateState, WindowsUpToTheEnd) {
  uint64_t seed = 200;
  for (const auto& calls : AllCalls()) Check({"t"}, calls, true, false, seed++);
}

TEST_F(AggregateState, WithoutKeys) {
  uint64_t seed = 300;
  for (const auto& calls : AllCalls()) {
    if (calls.empty()) continue;
    Check({}, calls, false, false, seed++);
    Check({}, calls, true, true, seed++);
  }
}

// Groups that did not change since the last snapshot are not written again, and what is
// written over many epochs stays in proportion to what changed.
TEST_F(AggregateState, WritesWhatChanged) {
  auto node = Node({"v"}, {Call("count", {})}, false, false);
  auto batch_of = [&](int64_t first, int64_t rows) {
    arrow::Int64Builder v;
    for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(v.Append(first + i).ok());
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const auto& field : schema_->fields()) {
      columns.push_back(field->name() == "v"
                            ? *v.Finish()
                            : *arrow::MakeArrayOfNull(field->type(), rows));
    }
    data::Batch batch;
    batch.rows = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    return batch;
  };
  std::vector<Event> script;
  script.emplace_back(batch_of(0, 10'000));
  script.emplace_back(Barrier{Epoch{1}});
  int64_t epoch = 1;
  for (int i = 0; i < 50; ++i) {
    script.emplace_back(batch_of(i * 190, 300));
    script.emplace_back(Barrier{Epoch{++epoch}});
  }
  script.emplace_back(Barrier{Epoch{++epoch}});
  script.emplace_back(End{});
  ASSERT_OK_AND_ASSIGN(const auto outcome,
                       Live(*node, {{script, ByKey({3})}}, {{1}}, context_, 1));
  ASSERT_EQ(outcome.rows_of_epoch.size(), 52u);
  EXPECT_EQ(outcome.rows_of_epoch[0], 10'000);
  // 33 times 300 changes are no more than the whole; the 34th writes it again.
  for (size_t i = 1; i <= 33; ++i) EXPECT_EQ(outcome.rows_of_epoch[i], 300) << i;
  EXPECT_EQ(outcome.rows_of_epoch[34], 10'000);
  EXPECT_EQ(outcome.rows_of_epoch[35], 300);
  EXPECT_EQ(outcome.rows_of_epoch[51], 0) << "nothing changed";
}

TEST(ChangedGroups, FindsThemAll) {
  std::mt19937_64 random(5);
  ChangedGroups changed(
      MemoryBudget::Make(int64_t{1} << 30, arrow::system_memory_pool()));
  int64_t groups = 100;
  EXPECT_EQ(changed.Count(groups), 100) << "nothing was written";
  for (int round = 0; round < 200; ++round) {
    ASSERT_OK(changed.Settle(groups));
    EXPECT_EQ(changed.Count(groups), 0);
    std::set<uint32_t> expected;
    const int64_t before = groups;
    for (int batch = 0; batch < 3; ++batch) {
      groups += static_cast<int64_t>(random() % 3);
      std::vector<uint32_t> ids(random() % 20);
      for (uint32_t& id : ids)
        id = static_cast<uint32_t>(random() % static_cast<uint64_t>(groups));
      changed.Mark(ids.data(), static_cast<int64_t>(ids.size()));
      expected.insert(ids.begin(), ids.end());
    }
    for (int64_t id = before; id < groups; ++id)
      expected.insert(static_cast<uint32_t>(id));
    const auto found = changed.List(groups);
    EXPECT_EQ(static_cast<int64_t>(found.size()), changed.Count(groups));
    for (uint32_t id : expected)
      EXPECT_TRUE(std::find(found.begin(), found.end(), id) != found.end());
    if (expected.size() * 4 < static_cast<size_t>(groups)) {
      EXPECT_EQ(found.size(), expected.size());
    }
  }
}

}  // namespace
}  // namespace millrace::operators::testing_state
