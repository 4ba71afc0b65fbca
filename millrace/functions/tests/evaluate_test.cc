// Evaluation over rows: branches, dictionaries, chunk sizes, casts, folding. Lives here
// because the functions do.
#include <limits>

#include "millrace/base/testing.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {
namespace {

using Texts = std::vector<std::string>;

std::shared_ptr<arrow::RecordBatch> Batch(const std::vector<std::string>& names,
                                          const arrow::ArrayVector& columns) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < names.size(); ++i) {
    fields.push_back(arrow::field(names[i], columns[i]->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), columns[0]->length(), columns);
}

class EvaluateTest : public ::testing::Test {
 protected:
  // The same in slices of 1, 7 and all rows: offsets and empty batches included.
  void Expect(const std::string& sql, const arrow::RecordBatch& rows,
              const Texts& expected) {
    for (const int64_t size : {int64_t{1}, int64_t{7}, int64_t{4096}}) {
      Texts all;
      for (int64_t at = 0; at < rows.num_rows(); at += size) {
        auto part = fixture_.Values(sql, *rows.Slice(at, size));
        ASSERT_TRUE(part.ok()) << sql << ": " << ErrorText(part.status());
        all.insert(all.end(), part->begin(), part->end());
      }
      EXPECT_EQ(all, expected) << sql << " in slices of " << size;
    }
    auto none = fixture_.Values(sql, *rows.Slice(0, 0));
    ASSERT_TRUE(none.ok()) << sql << ": " << ErrorText(none.status());
    EXPECT_TRUE(none->empty());
  }
  int32_t ErrorOf(const std::string& sql, const arrow::RecordBatch& rows) {
    return ErrorNumber(fixture_.Values(sql, rows).status());
  }

  Fixture fixture_;
};

TEST_F(EvaluateTest, BranchesSeeOnlyTheirRows) {
  const auto rows = Batch({"x"}, {Ints({2, 0, std::nullopt, -5, 0, 1, 10, 0, 3})});
  Expect("CASE WHEN x <> 0 THEN 100 / x ELSE 0 END", *rows,
         {"50", "0", "0", "-20", "0", "100", "10", "0", "33"});
  Expect("if(x = 0, -1, 100 / x)", *rows,
         {"50", "-1", "NULL", "-20", "-1", "100", "10", "-1", "33"});
  Expect("x <> 0 AND 100 / x > 20", *rows,
         {"true", "false", "NULL", "false", "false", "true", "false", "false", "true"});
  Expect("x = 0 OR 100 / x > 20", *rows,
         {"true", "true", "NULL", "false", "true", "true", "false", "true", "true"});
  Expect("coalesce(nullif(x, 0), 7 / (x + 1))", *rows,
         {"2", "7", "NULL", "-5", "7", "1", "10", "7", "3"});
  EXPECT_EQ(ErrorOf("100 / x", *rows), errors::kDivisionByZero.number);
  EXPECT_EQ(ErrorOf("100 % x", *rows), errors::kDivisionByZero.number);
}

TEST_F(EvaluateTest, CaseOfEveryKindOfValue) {
  const auto rows =
      Batch({"x", "s"}, {Ints({1, 2, std::nullopt}), Strings({"a", std::nullopt, "c"})});
  Expect("CASE WHEN x = 1 THEN s WHEN x = 2 THEN 'two' ELSE NULL::VARCHAR END", *rows,
         {"a", "two", "NULL"});
  Expect("CASE WHEN x > 0 THEN upper(s) ELSE 'none' END", *rows, {"A", "NULL", "none"});
  Expect("CASE WHEN TRUE THEN 5 ELSE 6 END", *rows, {"5", "5", "5"});
}

TEST_F(EvaluateTest, OverflowIsAnError) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  const auto rows = Batch({"x"}, {Ints({kMin})});
  for (const char* sql : {"x - 1", "-x", "x * 2", "x / -1", "abs(x)", "x + x"}) {
    EXPECT_EQ(ErrorOf(sql, *rows), errors::kNumericOverflow.number) << sql;
  }
  Expect("x % -1", *rows, {"0"});
}

TEST_F(EvaluateTest, NaNAndMinusZero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto rows =
      Batch({"x", "y"}, {Doubles({nan, nan, 1, -0.0, std::nullopt, 2, 1, 1, 0.0}),
                         Doubles({nan, 1, nan, 0.0, 1, 1, 2, 1, -0.0})});
  Expect("x = y", *rows,
         {"true", "false", "false", "true", "NULL", "false", "false", "true", "true"});
  Expect("x > y", *rows,
         {"false", "true", "false", "false", "NULL", "true", "false", "false", "false"});
  Expect("x <= y", *rows,
         {"true", "false", "true", "true", "NULL", "false", "true", "true", "true"});
  Expect("in(x, 0, 1)", *rows,
         {"false", "false", "true", "true", "NULL", "false", "true", "true", "true"});
  Expect("in(x, 1, NULL)", *rows,
         {"NULL", "NULL", "true", "NULL", "NULL", "NULL", "true", "true", "NULL"});
  Expect("is_distinct_from(x, y)", *rows,
         {"false", "true", "true", "false", "true", "true", "true", "false", "false"});
  Expect("greatest(x, y)", *rows,
         {"nan", "nan", "nan", "-0.0", "1.0", "2.0", "2.0", "1.0", "0.0"});
  Expect("1.0::DOUBLE / 0", *rows, Texts(9, "inf"));
}

TEST_F(EvaluateTest, DictionariesAreComputedByValue) {
  const auto values = Strings({"12", "7", "broken"});
  arrow::Int32Builder codes;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(i % 5 == 4 ? codes.AppendNull() : codes.Append(i % 2));
  }
  ASSERT_OK_AND_ASSIGN(auto indices, codes.Finish());
  ASSERT_OK_AND_ASSIGN(auto column, arrow::DictionaryArray::FromArrays(
                                        arrow::dictionary(arrow::int32(), arrow::utf8()),
                                        indices, values));
  const auto rows = Batch({"d"}, {column});
  auto expected = [](const std::string& even, const std::string& odd,
                     const std::string& null) {
    Texts out;
    for (int i = 0; i < 20; ++i) out.push_back(i % 5 == 4 ? null : i % 2 ? odd : even);
    return out;
  };
  // 'broken' is in the dictionary and in no row.
  Expect("CAST(d AS INTEGER) + 1", *rows, expected("13", "8", "NULL"));
  Expect("d || '!'", *rows, expected("12!", "7!", "NULL"));
  Expect("coalesce(d, 'none')", *rows, expected("12", "7", "none"));
  Expect("d = '7'", *rows, expected("false", "true", "NULL"));
  Expect("is_null(d)", *rows, expected("false", "false", "true"));
  // Text made of a dictionary stays one.
  fixture_.schema = rows->schema();
  ASSERT_OK_AND_ASSIGN(auto upper, fixture_.Parse("upper(coalesce(d, 'x'))"));
  ASSERT_OK_AND_ASSIGN(auto result, expr::Evaluate(*upper, *rows, fixture_.context));
  EXPECT_EQ(result.type()->id(), arrow::Type::DICTIONARY);
}

TEST_F(EvaluateTest, TryCastGivesNullWhereAValueDoesNotFit) {
  const auto rows =
      Batch({"s", "x"}, {Strings({"1", "x", " 3 ", std::nullopt, "", "99999999999"}),
                         Ints({1, 300, -129, 127, std::nullopt, -128})});
  Expect("TRY_CAST(s AS INTEGER)", *rows, {"1", "NULL", "3", "NULL", "NULL", "NULL"});
  Expect("TRY_CAST(x AS TINYINT)", *rows, {"1", "NULL", "NULL", "127", "NULL", "-128"});
  Expect("TRY_CAST(s AS DECIMAL(4,1))", *rows,
         {"1.0", "NULL", "3.0", "NULL", "NULL", "NULL"});
  Expect("TRY_CAST(s AS TIMESTAMP)", *rows, Texts(6, "NULL"));
  EXPECT_EQ(ErrorOf("CAST(x AS TINYINT)", *rows), errors::kBadCast.number);
  const Status status = fixture_.Values("CAST(s AS INTEGER)", *rows).status();
  EXPECT_EQ(ErrorNumber(status), errors::kBadCast.number);
  EXPECT_NE(ErrorText(status).find("'x' in column s of type VARCHAR"), std::string::npos)
      << ErrorText(status);
}

TEST_F(EvaluateTest, PatternsByRow) {
  const auto rows =
      Batch({"s", "p"}, {Strings({"hello", "50%", "50x", "a\nb", "né", std::nullopt}),
                         Strings({"h%o", "50\\%", "50\\%", "a_b", "n_", "%"})});
  Expect("like(s, p)", *rows, {"true", "true", "false", "true", "true", "NULL"});
  Expect("like(s, '%')", *rows, {"true", "true", "true", "true", "true", "NULL"});
  Expect("like(s, '50!%', '!')", *rows,
         {"false", "true", "false", "false", "false", "NULL"});
  Expect("ilike(s, 'HEL%')", *rows, {"true", "false", "false", "false", "false", "NULL"});
  Expect("regexp_matches(s, '[0-9]')", *rows,
         {"false", "true", "true", "false", "false", "NULL"});
  EXPECT_EQ(ErrorOf("regexp_matches(s, '(')", *rows), errors::kBadPattern.number);
  EXPECT_EQ(ErrorOf("like(s, 'a\\')", *rows), errors::kBadPattern.number);
}

TEST_F(EvaluateTest, ZonesKnowSummerTime) {
  const Texts walls = {"2021-03-14 01:59:59", "2021-03-14 02:30:00",
                       "2021-11-07 01:30:00"};
  const auto rows = Batch({"s"}, {Strings({walls[0], walls[1], walls[2]})});
  // In the gap: moved on; shown twice: the first (daylight time).
  Expect("timezone(CAST(s AS TIMESTAMP), 'America/Los_Angeles')", *rows,
         {"2021-03-14 09:59:59+00", "2021-03-14 10:30:00+00", "2021-11-07 08:30:00+00"});
  EXPECT_EQ(ErrorOf("timezone(CAST(s AS TIMESTAMP), 'Mars/Base')", *rows),
            errors::kUnknownTimeZone.number);
  // Weeks are counted by their Mondays.
  Expect("date_diff('week', CAST(s AS TIMESTAMP), TIMESTAMP '2021-03-15 00:00:00')",
         *rows, {"1", "1", "-33"});
}

TEST_F(EvaluateTest, SelectionSkipsFalseAndNull) {
  const auto rows = Batch({"x"}, {Ints({5, 1, std::nullopt, 7, 0})});
  fixture_.schema = rows->schema();
  ASSERT_OK_AND_ASSIGN(auto condition, fixture_.Parse("x > 1"));
  ASSERT_OK_AND_ASSIGN(auto selection,
                       expr::EvaluateToSelection(*condition, *rows, fixture_.context));
  ASSERT_EQ(selection->length(), 2);
  EXPECT_EQ(selection->Value(0), 0);
  EXPECT_EQ(selection->Value(1), 3);
}

TEST_F(EvaluateTest, FoldingLeavesWhatFailsAndWhatChanges) {
  auto folded = [this](const std::string& sql) {
    auto parsed = fixture_.Parse(sql);
    EXPECT_TRUE(parsed.ok()) << sql;
    return (*expr::FoldConstants(*parsed, fixture_.context))->ToString();
  };
  fixture_.schema = arrow::schema({arrow::field("x", arrow::int32())});
  EXPECT_EQ(folded("1 + 2 * 3"), "7");
  EXPECT_EQ(folded("x + (1 + 2)"), "(x#0 + 3)");
  EXPECT_EQ(folded("1 / 0"), "(1 / 0)");
  EXPECT_EQ(folded("now()"), "now()");
  EXPECT_EQ(folded("upper('a') || 'b'"), "'Ab'");
}

TEST_F(EvaluateTest, TextOfExpressions) {
  fixture_.schema = arrow::schema(
      {arrow::field("x", arrow::int32()), arrow::field("y", arrow::int64())});
  auto text = [this](const std::string& sql) {
    return (*fixture_.Parse(sql))->ToString();
  };
  EXPECT_EQ(text("x + y"), "(CAST(x#0 AS BIGINT) + y#1)");
  EXPECT_EQ(text("x > 1 and y < 2 "), text("x>1 AND y<2"));
  EXPECT_EQ(text("TRY_CAST(x AS VARCHAR)"), "TRY_CAST(x#0 AS VARCHAR)");
  EXPECT_EQ(text("1::BIGINT"), "CAST(1 AS BIGINT)");
  EXPECT_NE(text("y + 1"), text("x + 1"));
  ASSERT_OK_AND_ASSIGN(auto sum, fixture_.Parse("x + y"));
  EXPECT_EQ(expr::ColumnsOf(*sum), (std::vector<int>{0, 1}));
  EXPECT_EQ(expr::RemapColumns(sum, {4, 2})->ToString(), "(CAST(x#4 AS BIGINT) + y#2)");
  ASSERT_OK_AND_ASSIGN(auto five, fixture_.Parse("5"));
  EXPECT_EQ(expr::Substitute(sum, {five, sum->children()[1]})->ToString(),
            "(CAST(5 AS BIGINT) + y#1)");
}

TEST_F(EvaluateTest, UnknownNamesOfferTheNearest) {
  const Status status = fixture_.Parse("uper('a')").status();
  EXPECT_EQ(ErrorNumber(status), errors::kUnknownFunction.number);
  EXPECT_NE(ErrorText(status).find("upper"), std::string::npos);
  EXPECT_EQ(ErrorNumber(fixture_.Parse("upper(1, 2)").status()),
            errors::kBadArguments.number);
  EXPECT_EQ(ErrorNumber(fixture_.Parse("'a' + 1").status()),
            errors::kBadArguments.number);
}

TEST(CommonType, FollowsTheRules) {
  using namespace arrow;  // NOLINT: type factories
  auto common = [](const auto& a, const auto& b) { return expr::CommonType(a, b); };
  EXPECT_TRUE(common(int32(), int64())->Equals(int64()));
  EXPECT_TRUE(common(uint32(), int32())->Equals(int64()));
  EXPECT_TRUE(common(uint64(), int64())->Equals(decimal128(20, 0)));
  EXPECT_TRUE(common(int64(), float32())->Equals(float64()));
  EXPECT_TRUE(common(decimal128(10, 2), int32())->Equals(decimal128(12, 2)));
  EXPECT_TRUE(common(decimal128(10, 2), decimal128(5, 4))->Equals(decimal128(12, 4)));
  EXPECT_TRUE(
      common(date32(), timestamp(TimeUnit::MICRO))->Equals(timestamp(TimeUnit::MICRO)));
  EXPECT_TRUE(common(null(), utf8())->Equals(utf8()));
  EXPECT_EQ(common(utf8(), int32()), nullptr);
}

}  // namespace
}  // namespace millrace::functions
