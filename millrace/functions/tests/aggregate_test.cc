// Every aggregate against a plain computation per group, in chunks of several sizes, and
// by way of partial states.
#include <cmath>
#include <limits>
#include <random>

#include "millrace/base/testing.h"
#include "millrace/expr/cast.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/aggregate/distinct.h"
#include "millrace/functions/aggregate/stats_accumulator.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {
namespace {

using expr::Accumulator;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;
using Texts = std::vector<std::string>;

struct Input {
  arrow::ArrayVector columns;
  std::vector<uint32_t> ids;
  int64_t groups = 1;
};

template <typename ArrowType, typename T>
ArrayPtr ColumnOf(const std::vector<std::optional<T>>& values,
                  const TypePtr& type = arrow::TypeTraits<ArrowType>::type_singleton()) {
  typename arrow::TypeTraits<ArrowType>::BuilderType builder(
      type, arrow::default_memory_pool());
  for (const auto& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return *builder.Finish();
}

class AggregateTest : public ::testing::Test {
 protected:
  using Literals = std::vector<std::shared_ptr<arrow::Scalar>>;

  Result<std::unique_ptr<Accumulator>> Make(const std::string& name, const Input& input,
                                            const Literals& constants,
                                            bool distinct = false) {
    function_ = fixture_.registry.FindAggregate(name);
    if (function_ == nullptr) return Status::Invalid("no aggregate ", name);
    std::vector<TypePtr> types;
    Literals literals;
    for (const ArrayPtr& column : input.columns) {
      types.push_back(column->type());
      literals.push_back(nullptr);
    }
    for (const auto& constant : constants) {
      types.push_back(constant->type);
      literals.push_back(constant);
    }
    ARROW_ASSIGN_OR_RAISE(binding_, function_->bind(types, literals));
    ARROW_ASSIGN_OR_RAISE(
        auto made, function_->make(binding_, literals, arrow::default_memory_pool()));
    if (!distinct) return made;
    return MakeDistinct(std::move(made), binding_.argument_types,
                        arrow::default_memory_pool(), function_->distinct_keeps_nulls);
  }

  Status Feed(Accumulator& accumulator, const Input& input, const Literals& constants,
              int64_t begin, int64_t end, bool retract = false) {
    std::vector<arrow::Datum> arguments;
    for (size_t i = 0; i < input.columns.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(
          auto cast,
          expr::CastDatum(arrow::Datum(input.columns[i]->Slice(begin, end - begin)),
                          binding_.argument_types[i], false, "x", fixture_.context));
      arguments.push_back(cast);
    }
    for (size_t i = 0; i < constants.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(
          auto cast, expr::CastDatum(arrow::Datum(constants[i]),
                                     binding_.argument_types[input.columns.size() + i],
                                     false, "x", fixture_.context));
      arguments.push_back(cast);
    }
    return retract ? accumulator.Retract(arguments, input.ids.data() + begin, end - begin)
                   : accumulator.Update(arguments, input.ids.data() + begin, end - begin);
  }

  Result<Texts> Render(Accumulator& accumulator, int64_t groups) {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr array, accumulator.Finish(0, groups));
    ARROW_RETURN_NOT_OK(array->ValidateFull());
    if (!array->type()->Equals(*binding_.result)) {
      return Status::Invalid("type ", array->type()->ToString());
    }
    Texts out;
    for (int64_t i = 0; i < groups; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto scalar, array->GetScalar(i));
      ARROW_ASSIGN_OR_RAISE(std::string text, CsvText(scalar, fixture_.context));
      out.push_back(scalar->is_valid ? text : "NULL");
    }
    return out;
  }

  // In chunks of `chunk` rows; with `partial`, each chunk through a state of its own.
  Result<Texts> Run(const std::string& name, const Input& input,
                    const Literals& constants = {}, int64_t chunk = 4096,
                    bool partial = false, bool distinct = false) {
    ARROW_ASSIGN_OR_RAISE(auto whole, Make(name, input, constants, distinct));
    ARROW_RETURN_NOT_OK(whole->Resize(input.groups));
    const auto rows = static_cast<int64_t>(input.ids.size());
    std::vector<uint32_t> all(input.groups);
    for (int64_t g = 0; g < input.groups; ++g) all[g] = static_cast<uint32_t>(g);
    for (int64_t begin = 0; begin < rows; begin += chunk) {
      const int64_t end = std::min(rows, begin + chunk);
      if (!partial) {
        ARROW_RETURN_NOT_OK(Feed(*whole, input, constants, begin, end));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto part, Make(name, input, constants, distinct));
      ARROW_RETURN_NOT_OK(part->Resize(input.groups));
      ARROW_RETURN_NOT_OK(Feed(*part, input, constants, begin, end));
      ARROW_ASSIGN_OR_RAISE(auto state, part->State({0, input.groups}));
      const auto expected =
          distinct ? DistinctStateTypes(binding_.argument_types) : binding_.state;
      if (state.size() != expected.size()) return Status::Invalid("state columns");
      for (size_t c = 0; c < state.size(); ++c) {
        ARROW_RETURN_NOT_OK(state[c]->ValidateFull());
        if (!state[c]->type()->Equals(*expected[c])) {
          return Status::Invalid("state type ", state[c]->type()->ToString(), " not ",
                                 expected[c]->ToString());
        }
      }
      ARROW_RETURN_NOT_OK(whole->Merge(state, all.data(), input.groups));
    }
    return Render(*whole, input.groups);
  }

  void Expect(const std::string& name, const Input& input, const Texts& expected,
              const Literals& constants = {}, bool distinct = false) {
    for (const bool partial : {false, true}) {
      for (const int64_t chunk : {1, 7, 4096}) {
        auto found = Run(name, input, constants, chunk, partial, distinct);
        ASSERT_TRUE(found.ok()) << name << ": " << ErrorText(found.status());
        EXPECT_EQ(*found, expected)
            << name << " in chunks of " << chunk << (partial ? ", by states" : "");
      }
    }
  }

  Fixture fixture_;
  const expr::AggregateFunction* function_ = nullptr;
  expr::AggregateBinding binding_;
};

TEST_F(AggregateTest, EveryExampleGivesItsResult) {
  // x = 1, 2, 3 and y = 2x, as the reference says.
  const Input input{{Ints({1, 2, 3}), Ints({2, 4, 6})}, {0, 0, 0}, 1};
  fixture_.schema = arrow::schema(
      {arrow::field("x", arrow::int64()), arrow::field("y", arrow::int64())});
  const auto rows = arrow::RecordBatch::Make(fixture_.schema, 3, input.columns);
  for (const expr::AggregateFunction* function : fixture_.registry.aggregates()) {
    const auto& doc = function->doc;
    ASSERT_FALSE(doc.description.empty()) << doc.name;
    // name(argument, …): arguments are expressions of x and y, or constants.
    const std::string inner =
        doc.example.substr(doc.name.size() + 1, doc.example.size() - doc.name.size() - 2);
    Input arguments{{}, input.ids, 1};
    Literals constants;
    for (size_t at = 0; at <= inner.size();) {
      const size_t end = std::min(inner.find(", ", at), inner.size());
      ASSERT_OK_AND_ASSIGN(auto expression, fixture_.Parse(inner.substr(at, end - at)));
      if (expression->literal() != nullptr) {
        constants.push_back(expression->literal());
      } else {
        ASSERT_OK_AND_ASSIGN(auto column,
                             expr::EvaluateToArray(*expression, *rows, fixture_.context));
        arguments.columns.push_back(column);
      }
      at = end + 2;
    }
    Expect(doc.name, arguments,
           {doc.example_result.empty() ? "NULL" : doc.example_result}, constants);
  }
}

TEST_F(AggregateTest, NullsAndEmptyGroups) {
  // Group 0: 5, NULL, -3; group 1: only NULL; group 2: nothing.
  const Input input{{Ints({5, std::nullopt, std::nullopt, -3})}, {0, 0, 1, 0}, 3};
  Expect("count", input, {"2", "0", "0"});
  Expect("sum", input, {"2", "NULL", "NULL"});
  Expect("avg", input, {"1.0", "NULL", "NULL"});
  Expect("min", input, {"-3", "NULL", "NULL"});
  Expect("max", input, {"5", "NULL", "NULL"});
  Expect("first", input, {"5", "NULL", "NULL"});
  Expect("last", input, {"-3", "NULL", "NULL"});
  Expect("any_value", input, {"5", "NULL", "NULL"});
  Expect("delta", input, {"-8", "NULL", "NULL"});
  Expect("var_samp", input, {"32.0", "NULL", "NULL"});
  Expect("median", input, {"1.0", "NULL", "NULL"});
  Expect("string_agg", input, {"5,-3", "NULL", "NULL"});
  Expect("count_distinct", input, {"2", "0", "0"});
  Expect("approx_count_distinct", input, {"2", "0", "0"});
  Input rows_only = input;
  rows_only.columns.clear();
  Expect("count", rows_only, {"3", "1", "0"});
}

TEST_F(AggregateTest, KeepersAndFoldsOfNullsAndEmptyGroups) {
  // Group 0: 5, NULL, -3, 5; group 1: only NULL; group 2: nothing.
  const Input input{{Ints({5, std::nullopt, std::nullopt, -3, 5})}, {0, 0, 1, 0, 0}, 3};
  Expect("array_agg", input, {"[5, NULL, -3, 5]", "[NULL]", "NULL"});
  Expect("mode", input, {"5", "NULL", "NULL"});
  Expect("bit_and", input, {"5", "NULL", "NULL"});
  Expect("bit_or", input, {"-3", "NULL", "NULL"});
  Expect("bit_xor", input, {"-3", "NULL", "NULL"});
  Expect("product", input, {"-75.0", "NULL", "NULL"});
  // min_by(x, y): a NULL on either side hides the row.
  const Input pairs{{Ints({1, 2, std::nullopt, 4, 5}), Ints({7, 3, 1, std::nullopt, 3})},
                    {0, 0, 0, 1, 0},
                    3};
  Expect("min_by", pairs, {"2", "NULL", "NULL"});
  Expect("max_by", pairs, {"1", "NULL", "NULL"});
  Expect("regr_count", pairs, {"3", "0", "0"});
  Expect("regr_avgx", {{Ints({1, 2}), Ints({7, 4})}, {0, 0}, 2}, {"5.5", "NULL"});
}

TEST_F(AggregateTest, ModeCountsEqualValuesTogether) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Expect("mode", {{Doubles({1.0, nan, 0.0, -nan, -0.0, nan})}, {0, 0, 0, 0, 0, 0}, 1},
         {"nan"});
  // Of two as frequent ones the first.
  Expect("mode", {{Strings({"b", "a", "a", "b", "c"})}, {0, 0, 0, 0, 1}, 2}, {"b", "c"});
}

TEST_F(AggregateTest, ArraysHoldAnything) {
  Expect("array_agg", {{Strings({"b", "", std::nullopt, "ab"})}, {0, 1, 0, 0}, 2},
         {"[b, NULL, ab]", "['']"});
  Expect("array_agg", {{Ints({3, 3, std::nullopt, 1, std::nullopt})}, {0, 0, 0, 0, 0}, 1},
         {"[3, NULL, 1]"}, {}, true);
}

TEST_F(AggregateTest, ShapesOfDistributions) {
  // Deviations of 1, 2, 4, 9 from 4 are -3, -2, 0, 5: their squares sum up to 38, cubes
  // to 90, fourth powers to 722.
  const Input input{{Doubles({1, 2, 4, 9})}, {0, 0, 0, 0}, 1};
  Expect("kurtosis_pop", input, {"-1.0"});
  Expect("kurtosis", input, {"1.5"});
  const Input equal{{Doubles({3, 3, 3, 3})}, {0, 0, 0, 0}, 1};
  Expect("skewness", equal, {"NULL"});
  Expect("kurtosis", equal, {"NULL"});
}

TEST_F(AggregateTest, FirstAndLastTakeNullAsItComes) {
  const Input input{{Ints({std::nullopt, 1, std::nullopt})}, {0, 0, 0}, 1};
  Expect("first", input, {"NULL"});
  Expect("last", input, {"NULL"});
  Expect("any_value", input, {"1"});
}

TEST_F(AggregateTest, SumsOfIntegersAreExact) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  // Runs past BIGINT and back again.
  Expect("sum", {{Ints({kMax, kMax, kMin, kMin, 7})}, {0, 0, 0, 0, 0}, 1}, {"5"});
  // (2^63 - 1) * 2 + 2^63 + 2^63... the mean of two equal values is that value.
  Expect("avg", {{Ints({kMin, kMin})}, {0, 0}, 1}, {"-9.223372036854776e+18"});
  for (const bool partial : {false, true}) {
    auto found = Run("sum", {{Ints({kMax, 1})}, {0, 0}, 1}, {}, 1, partial);
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(ErrorNumber(found.status()), errors::kNumericOverflow.number);
  }
}

TEST_F(AggregateTest, NaNIsTheGreatest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const Input input{{Doubles({1.5, nan, -2.0, nan, inf, -inf})}, {0, 0, 0, 1, 2, 3}, 4};
  Expect("min", input, {"-2.0", "nan", "inf", "-inf"});
  Expect("max", input, {"nan", "nan", "inf", "-inf"});
  const Input same{{Doubles({0.0, -0.0, nan, -nan, 1.0})}, {0, 0, 0, 0, 0}, 1};
  Expect("count_distinct", same, {"3"});
  Expect("approx_count_distinct", same, {"3"});
}

TEST_F(AggregateTest, TextTimeAndDecimal) {
  const Input texts{{Strings({"b", "", std::nullopt, "ab", "é"})}, {0, 0, 0, 0, 1}, 2};
  Expect("min", texts, {"", "é"});
  Expect("max", texts, {"b", "é"});
  Expect("first", texts, {"b", "é"});
  Expect("last", texts, {"ab", "é"});
  Expect("string_agg", texts, {"b--ab", "é"}, {arrow::MakeScalar("-")});

  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
  const Input times{
      {ColumnOf<arrow::TimestampType>(
          std::vector<std::optional<int64_t>>{-1, 0, 86'400'000'000}, micros)},
      {0, 0, 0},
      1};
  Expect("min", times, {"1969-12-31 23:59:59.999999"});
  Expect("max", times, {"1970-01-02 00:00:00"});

  arrow::Decimal128Builder decimals(arrow::decimal128(10, 2));
  for (int64_t value : {-150, 275, 100}) {
    ASSERT_OK(decimals.Append(arrow::Decimal128(value)));
  }
  ASSERT_OK_AND_ASSIGN(ArrayPtr column, decimals.Finish());
  const Input amounts{{column}, {0, 0, 0}, 1};
  Expect("sum", amounts, {"2.25"});
  Expect("min", amounts, {"-1.50"});
  Expect("max", amounts, {"2.75"});
  Expect("avg", amounts, {"0.75"});
}

TEST_F(AggregateTest, DistinctShowsEachValueOnce) {
  const Input input{{Ints({3, 3, 1, std::nullopt, 3, 1})}, {0, 0, 0, 0, 1, 1}, 3};
  Expect("sum", input, {"4", "4", "NULL"}, {}, true);
  Expect("count", input, {"2", "2", "0"}, {}, true);
  Expect("string_agg", input, {"3,1", "3,1", "NULL"}, {}, true);
}

TEST_F(AggregateTest, Quantiles) {
  const Input input{{Ints({40, 10, 30, 20})}, {0, 0, 0, 0}, 1};
  const auto fraction = [](double f) { return Literals{arrow::MakeScalar(f)}; };
  Expect("median", input, {"25.0"});
  Expect("percentile_cont", input, {"10.0"}, fraction(0));
  Expect("percentile_cont", input, {"17.5"}, fraction(0.25));
  Expect("percentile_cont", input, {"40.0"}, fraction(1));
  Expect("percentile_disc", input, {"10"}, fraction(0.25));
  Expect("percentile_disc", input, {"20"}, fraction(0.26));
  EXPECT_EQ(ErrorNumber(Run("percentile_disc", input, fraction(1.5)).status()),
            errors::kOutOfDomain.number);
}

TEST_F(AggregateTest, VarianceOfLargeNumbersKeepsItsDigits) {
  // The naive formula on squares loses everything here.
  const Input input{{Doubles({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16})}, {0, 0, 0, 0}, 1};
  Expect("var_samp", input, {"30.0"});
  Expect("var_pop", input, {"22.5"});
}

TEST_F(AggregateTest, ApproximateCountIsNearTheTruth) {
  std::vector<std::optional<int64_t>> values;
  for (int64_t i = 0; i < 50'000; ++i) values.push_back(i * 7919);
  const Input input{{Ints(values)}, std::vector<uint32_t>(50'000, 0), 1};
  for (const bool partial : {false, true}) {
    ASSERT_OK_AND_ASSIGN(Texts found,
                         Run("approx_count_distinct", input, {}, 4096, partial));
    EXPECT_NEAR(std::stod(found[0]), 50'000, 50'000 * 0.05);
  }
}

TEST_F(AggregateTest, RetractionUndoesUpdates) {
  const Input input{{Ints({1, 2, std::nullopt, 4})}, {0, 0, 0, 1}, 2};
  for (const char* name : {"count", "sum", "avg"}) {
    ASSERT_OK_AND_ASSIGN(auto accumulator, Make(name, input, {}));
    EXPECT_TRUE(function_->retractable) << name;
    ASSERT_OK(accumulator->Resize(2));
    ASSERT_OK(Feed(*accumulator, input, {}, 0, 4));
    ASSERT_OK(Feed(*accumulator, input, {}, 1, 4, true));
    ASSERT_OK_AND_ASSIGN(Texts found, Render(*accumulator, 2));
    EXPECT_EQ(found[0], std::string(name) == "avg" ? "1.0" : "1") << name;
    EXPECT_EQ(found[1], std::string(name) == "count" ? "0" : "NULL") << name;
  }
  ASSERT_OK_AND_ASSIGN(auto accumulator, Make("min", input, {}));
  EXPECT_FALSE(function_->retractable);
  ASSERT_OK(accumulator->Resize(2));
  EXPECT_FALSE(Feed(*accumulator, input, {}, 0, 4, true).ok());
}

// Every path of StatsAccumulator: one group, replicas, a hot group, plain, prefetched;
// each with and without NULLs, for every value type.
template <typename ArrowType>
class StatsTest : public ::testing::Test {};
using StatsTypes = ::testing::Types<arrow::Int32Type, arrow::Int64Type, arrow::FloatType,
                                    arrow::DoubleType>;
TYPED_TEST_SUITE(StatsTest, StatsTypes);

TYPED_TEST(StatsTest, AgreesWithAPlainLoop) {
  using T = typename TypeParam::c_type;
  constexpr bool kFloat = std::is_floating_point_v<T>;
  struct Shape {
    int64_t groups;
    double hot;
    double nulls;
  };
  for (const Shape& shape :
       {Shape{1, 0, 0}, Shape{5, 0, 0}, Shape{5, 0, 0.3}, Shape{3000, 0, 0},
        Shape{3000, 0.75, 0}, Shape{3000, 0.75, 0.01}, Shape{60'000, 0, 0},
        Shape{60'000, 0, 0.001}}) {
    for (const bool null_ids : {false, true}) {
      if (null_ids && shape.groups > 1) continue;
      std::mt19937_64 random(7);
      std::uniform_real_distribution<double> share;
      constexpr int64_t kRows = 20'003;
      auto type = arrow::TypeTraits<TypeParam>::type_singleton();
      constexpr Parts kAll =
          Part::kCount | Part::kSum | Part::kAvg | Part::kMin | Part::kMax;
      ASSERT_OK_AND_ASSIGN(
          auto stats, StatsAccumulator::Make(type, kAll, arrow::default_memory_pool()));
      ASSERT_OK(stats->Resize(shape.groups));
      std::vector<int64_t> count(shape.groups);
      std::vector<double> sum(shape.groups);
      std::vector<T> min(shape.groups), max(shape.groups);
      for (int batch = 0; batch < 3; ++batch) {
        typename arrow::TypeTraits<TypeParam>::BuilderType builder;
        std::vector<uint32_t> ids;
        for (int64_t i = 0; i < kRows; ++i) {
          const auto group = share(random) < shape.hot
                                 ? static_cast<uint32_t>(shape.groups / 2)
                                 : static_cast<uint32_t>(random() % shape.groups);
          ids.push_back(group);
          if (share(random) < shape.nulls) {
            ASSERT_OK(builder.AppendNull());
            continue;
          }
          const T value = static_cast<T>(static_cast<int64_t>(random() % 2001) - 1000);
          ASSERT_OK(builder.Append(value));
          if (count[group] == 0 || value < min[group]) min[group] = value;
          if (count[group] == 0 || value > max[group]) max[group] = value;
          ++count[group];
          sum[group] += static_cast<double>(value);
        }
        ASSERT_OK_AND_ASSIGN(auto array, builder.Finish());
        ASSERT_OK(
            stats->Update(arrow::Datum(array), null_ids ? nullptr : ids.data(), kRows));
      }
      ASSERT_OK_AND_ASSIGN(auto counts, stats->FinishPart(Part::kCount, 0, shape.groups));
      ASSERT_OK_AND_ASSIGN(auto sums, stats->FinishPart(Part::kSum, 0, shape.groups));
      ASSERT_OK_AND_ASSIGN(auto mins, stats->FinishPart(Part::kMin, 0, shape.groups));
      ASSERT_OK_AND_ASSIGN(auto maxs, stats->FinishPart(Part::kMax, 0, shape.groups));
      for (int64_t group = 0; group < shape.groups; ++group) {
        ASSERT_EQ(static_cast<const arrow::Int64Array&>(*counts).Value(group),
                  count[group]);
        ASSERT_EQ(sums->IsNull(group), count[group] == 0);
        if (count[group] == 0) continue;
        // Small whole numbers: sums of doubles are exact in any order.
        if constexpr (kFloat) {
          ASSERT_EQ(static_cast<const arrow::DoubleArray&>(*sums).Value(group),
                    sum[group]);
        } else {
          ASSERT_EQ(static_cast<const arrow::Int64Array&>(*sums).Value(group),
                    static_cast<int64_t>(sum[group]));
        }
        using Array = typename arrow::TypeTraits<TypeParam>::ArrayType;
        ASSERT_EQ(static_cast<const Array&>(*mins).Value(group), min[group]);
        ASSERT_EQ(static_cast<const Array&>(*maxs).Value(group), max[group]);
      }
    }
  }
}

// COUNT(*) beside SUM(x): NULLs count as rows, come and go, and travel in the state.
TEST(StatsAccumulatorRows, CountNullsToo) {
  constexpr Parts kParts = Part::kSum | Part::kRows;
  auto numbers = [](const std::vector<std::optional<int64_t>>& values) {
    arrow::Int64Builder builder;
    for (const auto& value : values)
      EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
    return arrow::Datum(*builder.Finish());
  };
  auto counts = [](StatsAccumulator& stats, Part part, int64_t begin, int64_t end) {
    const auto array = *stats.FinishPart(part, begin, end);
    const auto* values = array->data()->GetValues<int64_t>(1);
    return std::vector<int64_t>(values, values + array->length());
  };
  ASSERT_OK_AND_ASSIGN(auto stats, StatsAccumulator::Make(arrow::int64(), kParts,
                                                          arrow::default_memory_pool()));
  ASSERT_OK(stats->Resize(3));
  const uint32_t ids[] = {0, 1, 1, 2, 0};
  ASSERT_OK(stats->Update(numbers({5, 7, std::nullopt, std::nullopt, 6}), ids, 5));
  EXPECT_EQ(counts(*stats, Part::kRows, 0, 3), (std::vector<int64_t>{2, 2, 1}));
  EXPECT_EQ(counts(*stats, Part::kRows, 1, 3), (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(counts(*stats, Part::kCount, 0, 3), (std::vector<int64_t>{2, 1, 0}));

  ASSERT_OK_AND_ASSIGN(auto merged, StatsAccumulator::Make(arrow::int64(), kParts,
                                                           arrow::default_memory_pool()));
  ASSERT_OK(merged->Resize(2));
  ASSERT_OK_AND_ASSIGN(auto state, stats->State({0, 3}));
  EXPECT_EQ(state.size(), stats->state_types().size());
  const uint32_t into[] = {1, 0, 0};
  ASSERT_OK(merged->Merge(state, into, 3));
  EXPECT_EQ(counts(*merged, Part::kRows, 0, 2), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(counts(*merged, Part::kSum, 0, 2), (std::vector<int64_t>{7, 11}));

  const uint32_t gone[] = {1, 2};
  ASSERT_OK(stats->Retract(numbers({std::nullopt, std::nullopt}), gone, 2));
  EXPECT_EQ(counts(*stats, Part::kRows, 0, 3), (std::vector<int64_t>{2, 1, 0}));
  stats->Clear();
  ASSERT_OK(stats->Resize(3));
  EXPECT_EQ(counts(*stats, Part::kRows, 0, 3), (std::vector<int64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace millrace::functions
