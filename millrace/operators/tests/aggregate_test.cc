// The two halves of an aggregation, as an exchange joins them.
#include <unordered_map>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/base/testing.h"
#include "millrace/functions/functions.h"
#include "millrace/operators/aggregate/reduction_probe.h"
#include "millrace/operators/registry.h"
#include "millrace/operators/tests/windows.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/scan_node.h"

namespace millrace::operators {
namespace {

constexpr int64_t kBatchRows = 64 * 1024;

struct Totals {
  int64_t rows = 0, count = 0, sum = 0, min = INT64_MAX, max = INT64_MIN;
  bool operator==(const Totals&) const = default;
  void Add(std::optional<int64_t> value) {
    ++rows;
    if (!value) return;
    ++count;
    sum += *value;
    min = std::min(min, *value);
    max = std::max(max, *value);
  }
};

struct Group {
  int64_t start, key;
  bool operator==(const Group&) const = default;
};
struct HashOfGroup {
  size_t operator()(const Group& group) const {
    return static_cast<size_t>(group.key * 31 + group.start);
  }
};

class TwoHalves : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(functions::RegisterAll(functions_));
    context_.memory = memory_;
    context_.clock = &clock_;
    context_.counters = &counters_;
  }

  plan::AggregateCall Call(const char* function, const expr::ExprPtr& argument) {
    plan::AggregateCall call;
    call.function = functions_.FindAggregate(function);
    if (argument) {
      call.arguments = {argument};
      call.literals = {nullptr};
    }
    call.binding =
        *call.function->bind(argument ? std::vector<expr::TypePtr>{argument->type()}
                                      : std::vector<expr::TypePtr>{},
                             call.literals);
    call.name = function;
    return call;
  }

  // SELECT k, count(*), count(v), sum(v), min(v), max(v) FROM t (ts, k, v) GROUP BY k,
  // over windows of ten seconds where asked for.
  void MakeHalves(bool windows, bool watermark) {
    schema_ = arrow::schema({arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO)),
                             arrow::field("k", arrow::int64()),
                             arrow::field("v", arrow::int64())});
    auto table = std::make_shared<plan::Table>();
    table->name = "t";
    table->schema = schema_;
    if (watermark) table->watermark.emplace();
    auto k = expr::Expr::Column(1, "k", arrow::int64());
    auto v = expr::Expr::Column(2, "v", arrow::int64());
    std::optional<plan::Window> window;
    if (windows) window = TumblingOf(10'000'000, 0);
    whole_ = plan::AggregateNode::Make(plan::ScanNode::Make(table), {k}, {"k"},
                                       {Call("count", nullptr), Call("count", v),
                                        Call("sum", v), Call("min", v), Call("max", v)},
                                       window);
    const auto& whole = static_cast<const plan::AggregateNode&>(*whole_);
    partial_node_ = whole.Partial();
    final_node_ = whole.Final(partial_node_);
    ASSERT_OK_AND_ASSIGN(partial_, Build(*partial_node_, context_));
    ASSERT_OK_AND_ASSIGN(final_, Build(*final_node_, context_));
    first_key_ = windows ? 2 : 0;
  }

  // Rows put out at once for `event`, all of which go on to the second half.
  int64_t Give(Event event) {
    Input in{0, std::move(event)};
    Output out;
    auto state = *partial_->Run(&in, out, {});
    while (state == OpState::kHasOutput) state = *partial_->Run(nullptr, out, {});
    int64_t rows = 0;
    for (Event& made : out.events()) {
      if (auto* batch = std::get_if<data::Batch>(&made)) {
        rows += batch->num_rows();
        EXPECT_TRUE(batch->rows->ValidateFull().ok());
      }
      Input next{0, std::move(made)};
      Output results;
      auto after = *final_->Run(&next, results, {});
      while (after == OpState::kHasOutput) after = *final_->Run(nullptr, results, {});
      Collect(results);
    }
    return rows;
  }

  void Collect(Output& results) {
    for (Event& event : results.events()) {
      auto* batch = std::get_if<data::Batch>(&event);
      if (batch == nullptr) continue;
      const arrow::RecordBatch& rows = *batch->rows;
      auto number = [&](int column, int64_t row) {
        return rows.column(column)->data()->GetValues<int64_t>(1)[row];
      };
      for (int64_t i = 0; i < rows.num_rows(); ++i) {
        const int64_t start = first_key_ > 0 ? number(0, i) : 0;
        Totals totals;
        totals.rows = number(first_key_ + 1, i);
        totals.count = number(first_key_ + 2, i);
        if (totals.count > 0) {
          totals.sum = number(first_key_ + 3, i);
          totals.min = number(first_key_ + 4, i);
          totals.max = number(first_key_ + 5, i);
        } else {
          EXPECT_TRUE(rows.column(first_key_ + 3)->IsNull(i));
          EXPECT_TRUE(rows.column(first_key_ + 4)->IsNull(i));
        }
        EXPECT_TRUE(found_.emplace(Group{start, number(first_key_, i)}, totals).second)
            << "a group came twice";
      }
    }
  }

  // A batch whose keys are `key(row number)`; every 16th value is NULL.
  template <typename Key>
  data::Batch MakeBatch(const Key& key) {
    arrow::TimestampBuilder ts(schema_->field(0)->type(), arrow::system_memory_pool());
    arrow::Int64Builder k, v;
    for (int64_t i = 0; i < kBatchRows; ++i, ++row_) {
      const int64_t time = row_ * 1000;
      const int64_t key_value = key(row_);
      const std::optional<int64_t> value =
          row_ % 16 == 3 ? std::nullopt : std::optional<int64_t>(row_ % 1000 - 300);
      EXPECT_TRUE(ts.Append(time).ok());
      EXPECT_TRUE(k.Append(key_value).ok());
      EXPECT_TRUE((value ? v.Append(*value) : v.AppendNull()).ok());
      const int64_t start = first_key_ > 0 ? time / 10'000'000 * 10'000'000 : 0;
      expected_[Group{start, key_value}].Add(value);
    }
    data::Batch batch;
    batch.rows = arrow::RecordBatch::Make(schema_, kBatchRows,
                                          {*ts.Finish(), *k.Finish(), *v.Finish()});
    return batch;
  }

  void ExpectResults() {
    Give(End{});
    EXPECT_EQ(found_.size(), expected_.size());
    EXPECT_TRUE(found_ == expected_);
    partial_.reset();
    final_.reset();
  }

  std::shared_ptr<MemoryBudget> memory_ =
      MemoryBudget::Make(int64_t{4} << 30, arrow::system_memory_pool());
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext context_;
  expr::FunctionRegistry functions_;
  std::shared_ptr<arrow::Schema> schema_;
  plan::NodePtr whole_, partial_node_, final_node_;
  std::unique_ptr<Operator> partial_, final_;
  int first_key_ = 0;
  int64_t row_ = 0;
  std::unordered_map<Group, Totals, HashOfGroup> expected_, found_;
};

constexpr int64_t kSampleBatches = ReductionProbe::kSampleGroups / kBatchRows;

TEST_F(TwoHalves, PassRowsOnWhereEveryKeyIsNew) {
  MakeHalves(false, false);
  auto unique = [](int64_t row) { return row * 7; };
  int64_t before = 0;
  for (int64_t i = 0; i + 1 < kSampleBatches; ++i) before += Give(MakeBatch(unique));
  EXPECT_EQ(before, 0) << "the sample is not complete yet";
  EXPECT_EQ(Give(MakeBatch(unique)), kSampleBatches * kBatchRows)
      << "what was held goes out with the verdict";
  const int64_t held = memory_->used();
  EXPECT_EQ(Give(MakeBatch(unique)), kBatchRows);
  EXPECT_EQ(Give(MakeBatch(unique)), kBatchRows);
  EXPECT_GT(held, 0);
  EXPECT_EQ(Give(Barrier{}), 0) << "nothing stays behind";
  ExpectResults();
}

TEST_F(TwoHalves, AggregateAgainWhenKeysComeToRepeat) {
  MakeHalves(false, false);
  // Unique keys, then few, then unique ones again.
  auto unique = [](int64_t row) { return row * 7; };
  auto few = [](int64_t row) { return -(row % 1000); };
  for (int64_t i = 0; i < kSampleBatches; ++i) Give(MakeBatch(unique));
  ASSERT_EQ(Give(MakeBatch(few)), kBatchRows) << "rows are being passed on";
  for (int64_t rows = kBatchRows; rows < ReductionProbe::kPassedRows; rows += kBatchRows)
    ASSERT_EQ(Give(MakeBatch(few)), kBatchRows);
  EXPECT_EQ(Give(MakeBatch(few)), 0);
  EXPECT_EQ(Give(Barrier{}), 1000) << "they were aggregated";
  EXPECT_EQ(Give(MakeBatch(unique)), kBatchRows) << "a small sample is enough now";
  EXPECT_EQ(Give(MakeBatch(unique)), kBatchRows);
  ExpectResults();
}

TEST_F(TwoHalves, FewKeysAreNeverPassedOn) {
  MakeHalves(false, false);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(Give(MakeBatch([](int64_t row) { return row % 5000; })), 0);
  EXPECT_EQ(Give(Barrier{}), 5000);
  ExpectResults();
}

TEST_F(TwoHalves, WindowsPassRowsOn) {
  for (const bool watermark : {false, true}) {
    row_ = 0;
    expected_.clear();
    found_.clear();
    MakeHalves(true, watermark);
    int64_t passed = 0;
    for (int64_t i = 0; i < kSampleBatches + 4; ++i) {
      passed = Give(MakeBatch([](int64_t row) { return row % 65'521; }));
      if (watermark) Give(Watermark{row_ * 1000 - 1, false});
    }
    EXPECT_EQ(passed, kBatchRows) << "each window has nearly a row a key";
    ExpectResults();
  }
  EXPECT_EQ(counters_.late.load(), 0);
}

TEST_F(TwoHalves, WhatAccumulatorsHoldOutsideThePoolCounts) {
  // Texts of MIN lie in strings of their own: 512 bytes for each of 4096 groups.
  auto schema = arrow::schema(
      {arrow::field("k", arrow::int64()), arrow::field("s", arrow::utf8())});
  auto table = std::make_shared<plan::Table>();
  table->schema = schema;
  auto k = expr::Expr::Column(0, "k", arrow::int64());
  auto s = expr::Expr::Column(1, "s", arrow::utf8());
  auto node = plan::AggregateNode::Make(plan::ScanNode::Make(table), {k}, {"k"},
                                        {Call("min", s)});
  arrow::Int64Builder keys;
  arrow::StringBuilder texts;
  for (int64_t i = 0; i < 4096; ++i) {
    ASSERT_OK(keys.Append(i));
    ASSERT_OK(texts.Append(std::string(512, 'x')));
  }
  data::Batch batch;
  batch.rows = arrow::RecordBatch::Make(schema, 4096, {*keys.Finish(), *texts.Finish()});
  {
    ASSERT_OK_AND_ASSIGN(auto aggregate, Build(*node, context_));
    Input in{0, batch};
    Output out;
    ASSERT_OK(aggregate->Run(&in, out, {}).status());
    EXPECT_GT(memory_->used(), 4096 * 512);
  }
  EXPECT_EQ(memory_->used(), 0);
  context_.memory = MemoryBudget::Make(4096 * 256, arrow::system_memory_pool());
  ASSERT_OK_AND_ASSIGN(auto aggregate, Build(*node, context_));
  Input in{0, batch};
  Output out;
  const auto status = aggregate->Run(&in, out, {}).status();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(ErrorText(status).find("MR-5001"), std::string::npos) << ErrorText(status);
}

TEST(ReductionProbe, JudgesByWhatCameLast) {
  ReductionProbe probe;
  // A hundred rows a group for long, then only new groups: the past doesn't hide them.
  for (int i = 0; i < 1000; ++i) probe.Aggregated(100'000, 1000);
  EXPECT_FALSE(probe.passing());
  for (int i = 0; i < 100; ++i) probe.Aggregated(100'000, 100'000);
  EXPECT_TRUE(probe.passing());
}

}  // namespace
}  // namespace millrace::operators
