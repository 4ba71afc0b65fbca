// The generators keep to what every source keeps to.
#include <arrow/api.h>

#include "millrace/connector/testkit/source_checks.h"
#include "millrace/connectors/generators/datagen/datagen.h"
#include "millrace/connectors/generators/datagen/distributions.h"
#include "millrace/connectors/generators/nexmark/nexmark.h"

namespace millrace::generators {
namespace {

using connector::Options;

connector::Surroundings Here() {
  connector::Surroundings out;
  out.memory = MemoryBudget::Make(1 << 30, ProcessMemoryPool());
  out.environment = [](const std::string&) { return std::nullopt; };
  return out;
}

// Every row, read by one split.
std::shared_ptr<arrow::RecordBatch> Whole(const connector::ConnectorSpec& spec,
                                          Options options,
                                          const std::shared_ptr<arrow::Schema>& schema) {
  options["splits"] = "1";
  auto source = spec.make_source(options, schema, Here()).ValueOrDie();
  auto reader = source->Open(source->Discover().ValueOrDie()[0]).ValueOrDie();
  auto polled = reader->Poll({.rows = 1 << 20, .bytes = 1 << 30}, {}).ValueOrDie();
  EXPECT_EQ(polled.state, connector::PollState::kBatch);
  return polled.batch.rows;
}

void Check(const connector::ConnectorSpec& spec, const Options& options,
           const std::shared_ptr<arrow::Schema>& schema = nullptr) {
  connector::testkit::SourceCase test;
  test.make = [&] { return spec.make_source(options, schema, Here()); };
  test.rows = Whole(spec, options, schema);
  ASSERT_OK_AND_ASSIGN(auto source, test.make());
  ASSERT_OK_AND_ASSIGN(const auto logical, source->InferSchema());
  // Text may be a dictionary; the checks compare with its schema.
  arrow::ArrayVector columns;
  for (const auto& column : test.rows->columns()) {
    columns.push_back(column->type_id() == arrow::Type::DICTIONARY
                          ? arrow::compute::Cast(*column, arrow::utf8()).ValueOrDie()
                          : column);
  }
  test.rows = arrow::RecordBatch::Make(logical, test.rows->num_rows(), columns);
  test.least_splits = 3;
  connector::testkit::CheckSource(test);
}

TEST(NexmarkConformance, EveryTable) {
  for (const char* table : {"person", "auction", "bid", "all"}) {
    SCOPED_TRACE(table);
    Check(MakeNexmarkConnector(),
          {{"table", table}, {"events", "205"}, {"splits", "3"}, {"disorder", "20"}});
  }
}

TEST(DatagenConformance, EveryKind) {
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::int64()), arrow::field("walk", arrow::float64()),
       arrow::field("word", arrow::utf8()),
       arrow::field("price", arrow::decimal128(9, 2)),
       arrow::field("day", arrow::date32()), arrow::field("text", arrow::utf8())});
  Check(MakeDatagenConnector(),
        {{"rows", "205"},
         {"splits", "3"},
         {"fields.walk.kind", "random_walk"},
         {"fields.word.kind", "choice"},
         {"fields.word.values", "a,b"},
         {"fields.word.null_share", "0.5"},
         {"fields.day.step", "12h"}},
        schema);
}

// Whoever asks, and in whichever order.
TEST(Walk, IsTheSameFromAnywhere) {
  datagen::Walk forwards(42);
  std::vector<double> values;
  for (int64_t n = 0; n < 5000; ++n) values.push_back(forwards.At(n));
  EXPECT_EQ(values[0], 0);
  datagen::Walk backwards(42);
  for (int64_t n = 4999; n >= 0; n -= 7) {
    EXPECT_EQ(backwards.At(n), values[static_cast<size_t>(n)]) << n;
  }
  // Steps are standard normal, also from one block to the next.
  double squares = 0;
  for (size_t n = 1; n < values.size(); ++n) {
    const double step = values[n] - values[n - 1];
    EXPECT_LT(std::abs(step), 6) << n;
    squares += step * step;
  }
  // The variance of 4999 squares has a standard deviation of 0.02.
  EXPECT_NEAR(squares / 4999, 1, 0.1);
}

TEST(Nexmark, AnEndlessOneIsDealtOutInBlocks) {
  const auto spec = MakeNexmarkConnector();
  const auto schema =
      arrow::schema({arrow::field("event_type", arrow::int32()),
                     arrow::field("dateTime", arrow::timestamp(arrow::TimeUnit::MICRO))});
  const Options options = {{"table", "all"}, {"splits", "2"}, {"event_rate", "1000"}};
  ASSERT_OK_AND_ASSIGN(auto source, spec.make_source(options, schema, Here()));
  EXPECT_FALSE(source->bounded());
  source->Push({.event_time = 1});
  ASSERT_OK_AND_ASSIGN(const auto splits, source->Discover());
  ASSERT_EQ(splits.size(), 2u);
  // 2015-07-15 00:00:00 UTC, as `date -u -d 2015-07-15 +%s` has it.
  constexpr int64_t kBase = 1'436'918'400'000'000;
  EXPECT_EQ(splits[0].min_event_time, kBase);
  EXPECT_EQ(splits[1].min_event_time, kBase + 1'000'000);
  ASSERT_OK_AND_ASSIGN(auto reader, source->Open(splits[1]));
  for (const int64_t second : {1, 3, 5}) {
    ASSERT_OK_AND_ASSIGN(auto polled, reader->Poll({.rows = 1000}, {}));
    ASSERT_EQ(polled.batch.num_rows(), 1000);
    const auto& times =
        static_cast<const arrow::TimestampArray&>(*polled.batch.rows->column(1));
    EXPECT_EQ(times.Value(0), kBase + second * 1'000'000);
    EXPECT_EQ(times.Value(999), kBase + second * 1'000'000 + 999'000);
  }
}

TEST(Nexmark, ADamagedPositionIsRefused) {
  ASSERT_OK_AND_ASSIGN(auto source, MakeNexmarkConnector().make_source(
                                        {{"events", "100"}}, nullptr, Here()));
  ASSERT_OK_AND_ASSIGN(const auto splits, source->Discover());
  ASSERT_OK_AND_ASSIGN(auto reader, source->Open(splits[0]));
  EXPECT_EQ(ErrorNumber(reader->Seek(data::Position("abc"))), 2472);
}

TEST(Nexmark, ARestoreTellsWhatIsNotFinished) {
  const auto spec = MakeNexmarkConnector();
  const Options options = {{"events", "100"}, {"splits", "4"}};
  ASSERT_OK_AND_ASSIGN(auto first, spec.make_source(options, nullptr, Here()));
  ASSERT_OK_AND_ASSIGN(const auto splits, first->Discover());
  ASSERT_OK_AND_ASSIGN(const std::string state, first->DiscoveryState());
  ASSERT_OK_AND_ASSIGN(auto second, spec.make_source(options, nullptr, Here()));
  ASSERT_OK(second->Restore(state, {{splits[3], {}}, {splits[1], {}}}));
  ASSERT_OK_AND_ASSIGN(const auto left, second->Discover());
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].id.value, 1);
  EXPECT_EQ(left[0].name, "rows [25..50)");
  EXPECT_EQ(left[1].id.value, 3);
  ASSERT_OK_AND_ASSIGN(auto other,
                       spec.make_source({{"events", "101"}}, nullptr, Here()));
  EXPECT_EQ(ErrorNumber(other->Restore(state, {})), 2471);
}

}  // namespace
}  // namespace millrace::generators
