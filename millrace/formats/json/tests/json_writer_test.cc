#include <cmath>
#include <limits>
#include <random>

#include <arrow/compute/api.h>
#include <arrow/json/from_string.h>

#include "millrace/formats/json/tests/json_testing.h"

namespace millrace::formats::json {
namespace {

std::shared_ptr<arrow::RecordBatch> Batch(
    const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const int64_t rows = arrays[0]->length();
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays);
}

std::shared_ptr<arrow::Array> From(const std::shared_ptr<arrow::DataType>& type,
                                   const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

TEST(JsonWrite, EveryKindOfValue) {
  auto rows = Batch({
      {"b", From(arrow::boolean(), "[true, null]")},
      {"i", From(arrow::int8(), "[-128, null]")},
      {"u", From(arrow::uint64(), "[18446744073709551615, null]")},
      {"d", From(arrow::float64(), "[0.1, 2]")},
      {"f", From(arrow::float32(), "[1.5, null]")},
      {"dec", From(arrow::decimal128(5, 2), R"(["-1.50", null])")},
      {"s", From(arrow::utf8(), R"(["a\"\\\u0001é", ""])")},
      {"x", From(arrow::binary(), R"(["ab", null])")},
      {"day", From(arrow::date32(), "[-1, null]")},
      {"t", From(arrow::timestamp(arrow::TimeUnit::MICRO), "[1500000, null]")},
      {"z", From(arrow::timestamp(arrow::TimeUnit::SECOND, "UTC"), "[0, null]")},
      {"tm", From(arrow::time32(arrow::TimeUnit::MILLI), "[1500, null]")},
      {"o", From(arrow::struct_({arrow::field("k", arrow::int32()),
                                 arrow::field("l", arrow::list(arrow::utf8()))}),
                 R"([{"k":1,"l":["x",null]}, null])")},
      {"m", From(arrow::map(arrow::utf8(), arrow::int32()), R"([[["a",1]], null])")},
      {"mi", From(arrow::map(arrow::int32(), arrow::int32()), "[[[1,2]], null]")},
  });
  ASSERT_OK_AND_ASSIGN(const std::string text, WriteJson(rows));
  EXPECT_EQ(text,
            R"({"b":true,"i":-128,"u":18446744073709551615,"d":0.1,"f":1.5,"dec":-1.50,)"
            R"("s":"a\"\\\u0001é","x":"YWI=","day":"1969-12-31",)"
            R"("t":"1970-01-01T00:00:01.5","z":"1970-01-01T00:00:00Z","tm":"00:00:01.5",)"
            R"("o":{"k":1,"l":["x",null]},"m":{"a":1},"mi":[{"key":1,"value":2}]})"
            "\n"
            R"({"b":null,"i":null,"u":null,"d":2.0,"f":null,"dec":null,"s":"","x":null,)"
            R"("day":null,"t":null,"z":null,"tm":null,"o":null,"m":null,"mi":null})"
            "\n");
}

TEST(JsonWrite, OmittedNulls) {
  auto rows = Batch({{"a", From(arrow::int8(), "[null, 1, null]")},
                     {"b", From(arrow::int8(), "[2, null, null]")}});
  ASSERT_OK_AND_ASSIGN(const std::string text, WriteJson(rows, {{"nulls", "omit"}}));
  EXPECT_EQ(text, "{\"b\":2}\n{\"a\":1}\n{}\n");
}

TEST(JsonWrite, NamesAreEscaped) {
  auto rows = Batch({{"a\"\n", From(arrow::int8(), "[1]")}});
  ASSERT_OK_AND_ASSIGN(const std::string text, WriteJson(rows));
  EXPECT_EQ(text, "{\"a\\\"\\n\":1}\n");
}

TEST(JsonWrite, NumbersThatJsonHasNot) {
  arrow::DoubleBuilder builder;
  ASSERT_OK(builder.AppendValues({std::nan(""), std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity()}));
  auto rows = Batch({{"a", builder.Finish().ValueOrDie()}});
  const Status status = WriteJson(rows).status();
  EXPECT_EQ(ErrorNumber(status), 2211);
  EXPECT_NE(status.message().find("nan"), std::string::npos) << status.message();
  ASSERT_OK_AND_ASSIGN(std::string text, WriteJson(rows, {{"non_finite", "null"}}));
  EXPECT_EQ(text, "{\"a\":null}\n{\"a\":null}\n{\"a\":null}\n");
  ASSERT_OK_AND_ASSIGN(text, WriteJson(rows, {{"non_finite", "text"}}));
  EXPECT_EQ(text, "{\"a\":\"NaN\"}\n{\"a\":\"Infinity\"}\n{\"a\":\"-Infinity\"}\n");
  ASSERT_OK_AND_ASSIGN(
      auto back,
      ReadJson({.text = text,
                .declared = arrow::schema({arrow::field("a", arrow::float64())})}));
  EXPECT_EQ(back.rows, (std::vector<std::string>{"nan", "inf", "-inf"}));
}

TEST(JsonWrite, DatesThatIsoHasNot) {
  auto rows = Batch({{"a", From(arrow::date32(), "[3000000]")}});
  EXPECT_EQ(ErrorNumber(WriteJson(rows).status()), 2211);
}

TEST(JsonWrite, DictionariesAndSlices) {
  auto type = arrow::dictionary(arrow::int32(), arrow::utf8());
  auto rows = Batch({{"k", From(type, R"(["x", "long enough to pass thirty-two bytes\n",
                                          null, "x"])")},
                     {"v", From(arrow::list(arrow::int8()), "[[1],[2,3],null,[]]")}});
  ASSERT_OK_AND_ASSIGN(const std::string text, WriteJson(rows->Slice(1, 3)));
  EXPECT_EQ(text,
            "{\"k\":\"long enough to pass thirty-two bytes\\n\",\"v\":[2,3]}\n"
            "{\"k\":null,\"v\":null}\n{\"k\":\"x\",\"v\":[]}\n");
}

// Random values of many types come back as they were.
TEST(JsonProperty, RoundTrip) {
  std::mt19937_64 random(7);
  const auto element = arrow::struct_(
      {arrow::field("x", arrow::float64()), arrow::field("y", arrow::utf8())});
  for (int round = 0; round < 40; ++round) {
    const int64_t n = 1 + static_cast<int64_t>(random() % 300);
    arrow::Int64Builder ints;
    arrow::DoubleBuilder reals;
    arrow::StringBuilder texts;
    arrow::BinaryBuilder bytes;
    arrow::TimestampBuilder times(arrow::timestamp(arrow::TimeUnit::NANO, "UTC"),
                                  arrow::default_memory_pool());
    arrow::Decimal128Builder decimals(arrow::decimal128(38, 10));
    auto null = [&] { return random() % 5 == 0; };
    auto word = [&](bool utf8) {
      std::string out;
      for (size_t i = random() % (random() % 8 == 0 ? 100 : 10); i > 0; --i) {
        constexpr const char* kParts[] = {"é", "😀", "\"", "\\", "\n", "{", ","};
        if (random() % 4 == 0 && utf8) {
          out += kParts[random() % 7];
        } else {
          out += static_cast<char>(random() % (utf8 ? 128 : 256));
        }
      }
      return out;
    };
    std::unique_ptr<arrow::ArrayBuilder> lists_any;
    ASSERT_OK(arrow::MakeBuilder(arrow::default_memory_pool(), arrow::list(element),
                                 &lists_any));
    auto& lists = static_cast<arrow::ListBuilder&>(*lists_any);
    auto& structs = static_cast<arrow::StructBuilder&>(*lists.value_builder());
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_OK(null() ? ints.AppendNull() : ints.Append(static_cast<int64_t>(random())));
      uint64_t pattern = random();
      double real;
      memcpy(&real, &pattern, 8);
      if (random() % 2 == 0) real = static_cast<double>(random() % 100000) / 100;
      ASSERT_OK(null() || !std::isfinite(real) ? reals.AppendNull() : reals.Append(real));
      ASSERT_OK(null() ? texts.AppendNull() : texts.Append(word(true)));
      ASSERT_OK(null() ? bytes.AppendNull() : bytes.Append(word(false)));
      ASSERT_OK(null() ? times.AppendNull()
                       : times.Append(static_cast<int64_t>(random())));
      ASSERT_OK(null() ? decimals.AppendNull()
                       : decimals.Append(arrow::Decimal128(
                             static_cast<int64_t>(random() >> 2), random())));
      if (null()) {
        ASSERT_OK(lists.AppendNull());
        continue;
      }
      ASSERT_OK(lists.Append());
      for (size_t k = random() % 4; k > 0; --k) {
        if (null()) {
          ASSERT_OK(structs.AppendNull());
          continue;
        }
        ASSERT_OK(structs.Append());
        ASSERT_OK(static_cast<arrow::DoubleBuilder&>(*structs.child(0)).Append(0.25));
        ASSERT_OK(
            static_cast<arrow::StringBuilder&>(*structs.child(1)).Append(word(true)));
      }
    }
    auto rows = Batch({{"i", ints.Finish().ValueOrDie()},
                       {"r", reals.Finish().ValueOrDie()},
                       {"s", texts.Finish().ValueOrDie()},
                       {"b", bytes.Finish().ValueOrDie()},
                       {"t", times.Finish().ValueOrDie()},
                       {"d", decimals.Finish().ValueOrDie()},
                       {"l", lists.Finish().ValueOrDie()}});
    const Options options = {{"nulls", round % 2 == 0 ? "write" : "omit"}};
    ASSERT_OK_AND_ASSIGN(const std::string text, WriteJson(rows, options));
    ASSERT_OK_AND_ASSIGN(
        auto back, ReadJson({.text = text,
                             .declared = rows->schema(),
                             .budget = {.rows = 1 + static_cast<int64_t>(random() % 400)},
                             .range_bytes = 1 + static_cast<int64_t>(random() % 5000)}));
    arrow::RecordBatchVector batches;
    for (const auto& batch : back.batches) {
      arrow::ArrayVector columns;
      for (const auto& column : batch->columns()) {
        columns.push_back(column->type_id() == arrow::Type::DICTIONARY
                              ? arrow::compute::Cast(column, arrow::utf8())->make_array()
                              : column);
      }
      batches.push_back(
          arrow::RecordBatch::Make(rows->schema(), batch->num_rows(), columns));
    }
    ASSERT_OK_AND_ASSIGN(auto got,
                         arrow::Table::FromRecordBatches(rows->schema(), batches));
    ASSERT_OK_AND_ASSIGN(auto wanted, arrow::Table::FromRecordBatches({rows}));
    ASSERT_TRUE(got->Equals(*wanted)) << text.substr(0, 2000);
  }
}

}  // namespace
}  // namespace millrace::formats::json
