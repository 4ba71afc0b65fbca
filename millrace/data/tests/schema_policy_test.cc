// Every cell of the table in schema_policy.h, and rows turned from one schema into
// another.
#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/testing.h"
#include "millrace/data/schema_policy.h"

namespace millrace::data {
namespace {

using arrow::field;
using arrow::schema;
using SchemaPtr = std::shared_ptr<arrow::Schema>;

std::vector<ChangeKind> Kinds(const SchemaPtr& earlier, const SchemaPtr& later,
                              bool types = true) {
  std::vector<ChangeKind> out;
  for (const auto& change : CompareSchemas(*earlier, *later, types)) {
    out.push_back(change.kind);
  }
  return out;
}

using Changes = std::vector<ChangeKind>;
const auto kN = field("n", arrow::int64());
const auto kS = field("s", arrow::utf8());

TEST(CompareSchemas, ColumnsComeAndGo) {
  EXPECT_EQ(Kinds(schema({kN, kS}), schema({kN, kS})), Changes{});
  EXPECT_EQ(Kinds(schema({kN, kS}), schema({kS, kN})), Changes{ChangeKind::kReordered});
  EXPECT_EQ(Kinds(schema({kN}), schema({kN, kS})), Changes{ChangeKind::kAdded});
  EXPECT_EQ(Kinds(schema({kN}), schema({kN, kS->WithNullable(false)})),
            Changes{ChangeKind::kAddedRequired});
  EXPECT_EQ(Kinds(schema({kN, kS}), schema({kS})), Changes{ChangeKind::kRemoved});
  EXPECT_EQ(Kinds(schema({kN->WithNullable(false), kS}), schema({kS})),
            Changes{ChangeKind::kRemovedRequired});
  EXPECT_EQ(Kinds(schema({kN->WithNullable(false)}), schema({kN})),
            Changes{ChangeKind::kNullsAllowed});
  EXPECT_EQ(Kinds(schema({kN}), schema({kN->WithNullable(false)})),
            Changes{ChangeKind::kNullsForbidden});
  // A column in front is no new order of the others.
  EXPECT_EQ(Kinds(schema({kN, kS}), schema({field("x", arrow::utf8()), kN, kS})),
            Changes{ChangeKind::kAdded});
}

TEST(CompareSchemas, TypesAreMeasuredByTheirValues) {
  struct Case {
    std::shared_ptr<arrow::DataType> earlier, later;
    ChangeKind kind;
  };
  const Case cases[] = {
      {arrow::int64(), arrow::int32(), ChangeKind::kNarrowed},
      {arrow::int64(), arrow::uint32(), ChangeKind::kNarrowed},
      {arrow::int64(), arrow::uint64(), ChangeKind::kRetyped},
      {arrow::int32(), arrow::int64(), ChangeKind::kWidened},
      {arrow::uint32(), arrow::int32(), ChangeKind::kRetyped},
      {arrow::float64(), arrow::int32(), ChangeKind::kNarrowed},
      {arrow::float64(), arrow::int64(), ChangeKind::kRetyped},
      {arrow::float32(), arrow::int16(), ChangeKind::kNarrowed},
      {arrow::float32(), arrow::int32(), ChangeKind::kRetyped},
      {arrow::float64(), arrow::float32(), ChangeKind::kNarrowed},
      {arrow::float32(), arrow::float64(), ChangeKind::kWidened},
      {arrow::int64(), arrow::utf8(), ChangeKind::kRetyped},
      {arrow::utf8(), arrow::int64(), ChangeKind::kRetyped},
      {arrow::large_utf8(), arrow::utf8(), ChangeKind::kNarrowed},
      {arrow::decimal128(12, 2), arrow::decimal128(10, 2), ChangeKind::kNarrowed},
      {arrow::decimal128(12, 4), arrow::decimal128(10, 2), ChangeKind::kNarrowed},
      {arrow::decimal128(10, 2), arrow::decimal128(12, 2), ChangeKind::kWidened},
      {arrow::decimal128(10, 4), arrow::decimal128(10, 2), ChangeKind::kRetyped},
      {arrow::timestamp(arrow::TimeUnit::MICRO), arrow::timestamp(arrow::TimeUnit::MILLI),
       ChangeKind::kNarrowed},
      {arrow::timestamp(arrow::TimeUnit::NANO), arrow::timestamp(arrow::TimeUnit::MICRO),
       ChangeKind::kRetyped},
      {arrow::int64(), arrow::list(arrow::int64()), ChangeKind::kUnrelated},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.earlier->ToString() + " became " + test.later->ToString());
    const auto earlier = schema({field("c", test.earlier)});
    const auto later = schema({field("c", test.later)});
    EXPECT_EQ(Kinds(earlier, later), Changes{test.kind});
    EXPECT_EQ(Kinds(earlier, later, false), Changes{});
  }
}

TEST(SchemaPolicy, EveryCellOfTheTable) {
  struct Row {
    ChangeKind kind;
    bool by_default, by_flexible;
    const char* accepted_by;
  };
  const Row table[] = {
      {ChangeKind::kReordered, true, true, "default or flexible"},
      {ChangeKind::kAdded, true, true, "default or flexible"},
      {ChangeKind::kAddedRequired, false, true, "flexible"},
      {ChangeKind::kRemoved, true, true, "default or flexible"},
      {ChangeKind::kRemovedRequired, false, false, ""},
      {ChangeKind::kNarrowed, true, true, "default or flexible"},
      {ChangeKind::kWidened, false, true, "flexible"},
      {ChangeKind::kRetyped, false, true, "flexible"},
      {ChangeKind::kUnrelated, false, false, ""},
      {ChangeKind::kNullsAllowed, false, true, "flexible"},
      {ChangeKind::kNullsForbidden, true, true, "default or flexible"},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(static_cast<int>(row.kind));
    EXPECT_FALSE(Accepts(SchemaPolicy::kStrict, row.kind));
    EXPECT_EQ(Accepts(SchemaPolicy::kDefault, row.kind), row.by_default);
    EXPECT_EQ(Accepts(SchemaPolicy::kFlexible, row.kind), row.by_flexible);
    EXPECT_EQ(AcceptedBy(row.kind), row.accepted_by);
  }
}

TEST(Compatibility, WhoCanReadWhat) {
  struct Row {
    ChangeKind kind;
    bool backward, forward;
  };
  const Row table[] = {
      {ChangeKind::kReordered, true, true},
      {ChangeKind::kAdded, true, true},
      {ChangeKind::kRemoved, true, true},
      {ChangeKind::kAddedRequired, false, true},
      {ChangeKind::kRemovedRequired, true, false},
      {ChangeKind::kNarrowed, false, true},
      {ChangeKind::kWidened, true, false},
      {ChangeKind::kRetyped, false, false},
      {ChangeKind::kUnrelated, false, false},
      {ChangeKind::kNullsAllowed, true, false},
      {ChangeKind::kNullsForbidden, false, true},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(static_cast<int>(row.kind));
    EXPECT_TRUE(Allows(Compatibility::kNone, row.kind));
    EXPECT_EQ(Allows(Compatibility::kBackward, row.kind), row.backward);
    EXPECT_EQ(Allows(Compatibility::kForward, row.kind), row.forward);
    EXPECT_EQ(Allows(Compatibility::kFull, row.kind), row.backward && row.forward);
    // One step is judged alike.
    EXPECT_EQ(Allows(Compatibility::kBackwardTransitive, row.kind), row.backward);
    EXPECT_EQ(Allows(Compatibility::kForwardTransitive, row.kind), row.forward);
    EXPECT_EQ(Allows(Compatibility::kFullTransitive, row.kind),
              row.backward && row.forward);
  }
}

TEST(SchemaHistory, ComparesWithEverySchemaBefore) {
  const auto plain = schema({field("a", arrow::int64())});
  const auto number = schema({field("a", arrow::int64()), field("c", arrow::int64())});
  const auto text = schema({field("a", arrow::int64()), field("c", arrow::utf8())});
  SchemaHistory history(Compatibility::kBackwardTransitive, /*types=*/true);
  EXPECT_FALSE(history.Add("1", plain));
  EXPECT_FALSE(history.Add("2", number));
  EXPECT_FALSE(history.Add("3", plain));  // the column goes
  const auto conflict = history.Add("4", text);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->earlier, "2");
  EXPECT_EQ(conflict->change.ToString(), "column c: BIGINT became VARCHAR");
  EXPECT_FALSE(history.Add("5", number));

  SchemaHistory names(Compatibility::kFullTransitive, /*types=*/false);
  EXPECT_FALSE(names.Add("1", number));
  EXPECT_FALSE(names.Add("2", text));
}

std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type,
                                     const char* json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

TEST(SchemaAdaptor, MissingIsNullExtraIsLeftOutOrderIsRestored) {
  const auto earlier = schema({field("a", arrow::int64()), field("b", arrow::float64()),
                               field("c", arrow::utf8())});
  const auto later = schema(
      {field("c", arrow::utf8()), field("x", arrow::utf8()), field("a", arrow::int32())});
  const SchemaAdaptor adaptor(earlier, later);
  EXPECT_EQ(adaptor.Needed({0, 1, 2}), (std::vector<int>{0, 2}));
  EXPECT_EQ(adaptor.Needed({1}), std::vector<int>{});
  const auto rows = arrow::RecordBatch::Make(
      schema({later->field(0), later->field(2)}), 2,
      {Values(arrow::utf8(), R"(["p", null])"), Values(arrow::int32(), "[1, 2]")});
  ASSERT_OK_AND_ASSIGN(const auto adapted,
                       adaptor.Adapt(*rows, {0, 1, 2}, ProcessMemoryPool()));
  EXPECT_TRUE(adapted.bad.empty());
  EXPECT_TRUE(adapted.rows->schema()->Equals(*earlier));
  EXPECT_TRUE(adapted.rows->column(0)->Equals(Values(arrow::int64(), "[1, 2]")));
  EXPECT_TRUE(adapted.rows->column(1)->Equals(Values(arrow::float64(), "[null, null]")));
  EXPECT_TRUE(adapted.rows->column(2)->Equals(Values(arrow::utf8(), R"(["p", null])")));
}

TEST(SchemaAdaptor, ValuesThatDoNotFitAreBadRows) {
  const auto earlier = schema({field("a", arrow::int32()), field("b", arrow::int64()),
                               field("c", arrow::utf8(), false)});
  const auto later = schema(
      {field("a", arrow::int64()), field("b", arrow::utf8()), field("c", arrow::utf8())});
  const SchemaAdaptor adaptor(earlier, later);
  const auto rows = arrow::RecordBatch::Make(
      later, 5,
      {Values(arrow::int64(), "[1, 5000000000, 3, null, 5]"),
       Values(arrow::utf8(), R"(["10", "x", "1.5", "40", "50"])"),
       Values(arrow::utf8(), R"(["p", "q", "r", "s", null])")});
  ASSERT_OK_AND_ASSIGN(const auto adapted,
                       adaptor.Adapt(*rows, {0, 1, 2}, ProcessMemoryPool()));
  ASSERT_EQ(adapted.bad.size(), 3u);
  // The first column that does not fit names the row.
  EXPECT_EQ(adapted.bad[0].row, 1);
  EXPECT_EQ(adapted.bad[0].column, "a");
  EXPECT_EQ(adapted.bad[0].value, "5000000000");
  EXPECT_EQ(adapted.bad[1].row, 2);
  EXPECT_EQ(adapted.bad[1].column, "b");
  EXPECT_EQ(adapted.bad[1].value, "1.5");
  EXPECT_EQ(adapted.bad[2].row, 4);
  EXPECT_EQ(adapted.bad[2].column, "c");
  EXPECT_TRUE(adapted.rows->column(0)->Equals(Values(arrow::int32(), "[1, null]")));
  EXPECT_TRUE(adapted.rows->column(1)->Equals(Values(arrow::int64(), "[10, 40]")));
  EXPECT_TRUE(adapted.rows->column(2)->Equals(Values(arrow::utf8(), R"(["p", "s"])")));
}

TEST(SchemaAdaptor, RowsWithoutColumnsAreStillRows) {
  const auto earlier = schema({field("a", arrow::int64())});
  const SchemaAdaptor adaptor(earlier, schema({field("b", arrow::int64())}));
  const auto rows = arrow::RecordBatch::Make(schema({}), 3, arrow::ArrayVector{});
  ASSERT_OK_AND_ASSIGN(const auto adapted,
                       adaptor.Adapt(*rows, {0}, ProcessMemoryPool()));
  EXPECT_EQ(adapted.rows->num_rows(), 3);
  EXPECT_EQ(adapted.rows->column(0)->null_count(), 3);
}

}  // namespace
}  // namespace millrace::data
