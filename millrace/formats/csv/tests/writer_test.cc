#include <cmath>
#include <random>

#include <arrow/builder.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>

#include "millrace/base/memory_budget.h"
#include "millrace/formats/csv/tests/csv_testing.h"
#include "millrace/formats/format_value.h"

namespace millrace::formats::csv {
namespace {

Result<std::string> WriteAll(const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                             const Options& options = {}, bool appending = false) {
  auto format = MakeCsvFormat();
  ARROW_ASSIGN_OR_RAISE(Config config, format->write_options().Parse("csv", options, {}));
  MemoryFile file;
  ARROW_ASSIGN_OR_RAISE(auto writer, format->OpenWriter(file, config, rows[0]->schema(),
                                                        appending, TestContext()));
  for (const auto& batch : rows) ARROW_RETURN_NOT_OK(writer->Write(batch));
  ARROW_RETURN_NOT_OK(writer->Finish());
  EXPECT_EQ(writer->buffered_bytes(), 0);
  // After the header, which is a piece of its own, only the last piece is small.
  for (size_t i = 1; i + 1 < file.pieces.size(); ++i) EXPECT_GE(file.pieces[i], 1 << 20);
  return file.text;
}

std::shared_ptr<arrow::Array> Strings(const std::vector<Cell>& cells) {
  arrow::StringBuilder builder;
  for (const Cell& cell : cells) {
    EXPECT_TRUE((cell ? builder.Append(*cell) : builder.AppendNull()).ok());
  }
  return *builder.Finish();
}

template <class Builder, class T>
std::shared_ptr<arrow::Array> Values(std::shared_ptr<arrow::DataType> type,
                                     const std::vector<std::optional<T>>& values) {
  Builder builder(type, arrow::default_memory_pool());
  for (const auto& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> Int64s(const std::vector<std::optional<int64_t>>& values) {
  return Values<arrow::Int64Builder, int64_t>(arrow::int64(), values);
}
std::shared_ptr<arrow::Array> Doubles(const std::vector<std::optional<double>>& values) {
  return Values<arrow::DoubleBuilder, double>(arrow::float64(), values);
}

std::shared_ptr<arrow::RecordBatch> Batch(
    const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), arrays[0]->length(), arrays);
}

std::shared_ptr<arrow::RecordBatch> Sample() {
  return Batch({{"n", Int64s({1, -20, std::nullopt})},
                {"x,y", Strings({{"plain"}, {"a,\"b\"\n"}, {""}})},
                {"d", Doubles({1.5, std::nullopt, 100})}});
}

TEST(CsvWriter, Minimal) {
  ASSERT_OK_AND_ASSIGN(std::string text, WriteAll({Sample()}));
  EXPECT_EQ(text, "n,\"x,y\",d\n1,plain,1.5\n-20,\"a,\"\"b\"\"\n\",\n,\"\",100.0\n");
}

TEST(CsvWriter, Options) {
  ASSERT_OK_AND_ASSIGN(std::string all,
                       WriteAll({Sample()}, {{"quoting", "all"}, {"line_end", "crlf"}}));
  EXPECT_EQ(all,
            "\"n\",\"x,y\",\"d\"\r\n\"1\",\"plain\",\"1.5\"\r\n"
            "\"-20\",\"a,\"\"b\"\"\n\",\r\n,\"\",\"100.0\"\r\n");
  ASSERT_OK_AND_ASSIGN(std::string text, WriteAll({Sample()}, {{"quoting", "nonnumeric"},
                                                               {"header", "false"},
                                                               {"null", "NULL"},
                                                               {"delimiter", ";"},
                                                               {"quote", "'"}}));
  EXPECT_EQ(text, "1;'plain';1.5\n-20;'a,\"b\"\n';NULL\nNULL;'';100.0\n");
  ASSERT_OK_AND_ASSIGN(std::string escaped,
                       WriteAll({Sample()}, {{"escape", "\\"}, {"header", "false"}}));
  EXPECT_EQ(escaped, "1,plain,1.5\n-20,\"a,\\\"b\\\"\n\",\n,\"\",100.0\n");
  ASSERT_OK_AND_ASSIGN(std::string bare, WriteAll({Sample()}, {{"quoting", "none"},
                                                               {"escape", "\\"},
                                                               {"null", "\\N"},
                                                               {"header", "false"}}));
  EXPECT_EQ(bare, "1,plain,1.5\n-20,a\\,\\\"b\\\"\\\n,\\N\n\\N,,100.0\n");
  EXPECT_EQ(ErrorNumber(WriteAll({Sample()}, {{"quoting", "none"}}).status()), 2112);
  ASSERT_OK_AND_ASSIGN(std::string more, WriteAll({Sample()}, {}, /*appending=*/true));
  EXPECT_EQ(more.substr(0, 2), "1,");
}

TEST(CsvWriter, TextThatLooksLikeNullIsQuoted) {
  ASSERT_OK_AND_ASSIGN(std::string text,
                       WriteAll({Batch({{"s", Strings({{"NA"}, std::nullopt, {"x"}})}})},
                                {{"null", "NA"}, {"header", "false"}}));
  EXPECT_EQ(text, "\"NA\"\nNA\nx\n");
}

TEST(CsvWriter, ValuesThatContainTheDelimiterAreQuoted) {
  const auto batch = Batch({{"d", Doubles({1.5})}, {"n", Int64s({7})}});
  ASSERT_OK_AND_ASSIGN(std::string text,
                       WriteAll({batch}, {{"delimiter", "."}, {"header", "false"}}));
  EXPECT_EQ(text, "\"1.5\".7\n");
}

TEST(CsvWriter, NumbersWithADecimalComma) {
  const auto exact = [](std::shared_ptr<arrow::DataType> type, const char* value) {
    return arrow::compute::Cast(Strings({{value}}), type)->make_array();
  };
  const auto doubles = Doubles({-1.5});
  auto encoded = arrow::compute::DictionaryEncode(doubles);
  ASSERT_TRUE(encoded.ok());
  const auto rows = Batch({
      {"d", doubles},
      {"f", exact(arrow::float32(), "0.25")},
      {"m", exact(arrow::decimal128(20, 3), "12345678901234567.125")},
      {"w", exact(arrow::decimal256(60, 2), "-12.5")},
      {"t", Strings({{"1.5"}})},
      {"i", Int64s({7})},
      {"at", exact(arrow::timestamp(arrow::TimeUnit::MICRO), "2024-01-01 00:00:00.5")},
      {"e", encoded->make_array()},
  });
  ASSERT_OK_AND_ASSIGN(
      std::string text,
      WriteAll({rows}, {{"delimiter", ";"}, {"decimal", ","}, {"header", "false"}}));
  EXPECT_EQ(text,
            "-1,5;0,25;12345678901234567,125;-12,50;1.5;7;2024-01-01 00:00:00.5;-1,5\n");
  ASSERT_OK_AND_ASSIGN(std::string quoted,
                       WriteAll({rows}, {{"decimal", ","}, {"header", "false"}}));
  EXPECT_EQ(quoted,
            "\"-1,5\",\"0,25\",\"12345678901234567,125\",\"-12,50\",1.5,7,"
            "2024-01-01 00:00:00.5,\"-1,5\"\n");
  // The dot parts fields there, and numbers have none.
  ASSERT_OK_AND_ASSIGN(std::string dots,
                       WriteAll({Batch({{"d", doubles}, {"i", Int64s({7})}})},
                                {{"decimal", ","}, {"delimiter", "."}}));
  EXPECT_EQ(dots, "d.i\n-1,5.7\n");
}

TEST(CsvWriter, TimestampsAndDates) {
  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
  const auto zoned = arrow::timestamp(arrow::TimeUnit::MILLI, "Europe/Berlin");
  const auto batch = Batch({{"t", Values<arrow::TimestampBuilder, int64_t>(
                                      micros, {0, -1, 1709210096000000, std::nullopt})},
                            {"z", Values<arrow::TimestampBuilder, int64_t>(
                                      zoned, {500, -62167219200000, 253402300799999, 0})},
                            {"d", Values<arrow::Date32Builder, int32_t>(
                                      arrow::date32(), {0, -1, 19782, -719528})}});
  ASSERT_OK_AND_ASSIGN(std::string text, WriteAll({batch}, {{"header", "false"}}));
  EXPECT_EQ(text,
            "1970-01-01 00:00:00,1970-01-01 00:00:00.5Z,1970-01-01\n"
            "1969-12-31 23:59:59.999999,0000-01-01 00:00:00Z,1969-12-31\n"
            "2024-02-29 12:34:56,9999-12-31 23:59:59.999Z,2024-02-29\n"
            ",1970-01-01 00:00:00Z,0000-01-01\n");
  ASSERT_OK_AND_ASSIGN(
      std::string iso,
      WriteAll({batch}, {{"header", "false"}, {"timestamp_separator", "t"}}));
  EXPECT_EQ(iso.substr(0, 20), "1970-01-01T00:00:00,");
  EXPECT_EQ(ErrorNumber(WriteAll({Batch({{"d", Values<arrow::Date32Builder, int32_t>(
                                                   arrow::date32(), {2932897})}})})
                            .status()),
            2112);  // 10000-01-01
}

TEST(CsvWriter, DoublesReadBackExactlyAndShort) {
  auto text_of = [](RealFormatter* formatter, double value) {
    char text[64];
    return std::string(text, formatter->Format(text, value));
  };
  RealFormatter formatter;
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0.0, "0.0"},
           {-0.0, "-0.0"},
           {1.0, "1.0"},
           {0.1, "0.1"},
           {-12.05, "-12.05"},
           {123456.78, "123456.78"},
           {0.125, "0.125"},
           {1e-7, "1e-07"},
           {1e22, "1e+22"},
           {1e15, "1e+15"},
           {123456789012345.0, "123456789012345.0"},
           {0.30000000000000004, "0.30000000000000004"},
           {INFINITY, "inf"},
           {-INFINITY, "-inf"}}) {
    RealFormatter fresh;
    const std::string got = text_of(&fresh, value);
    EXPECT_EQ(strtod(got.c_str(), nullptr), value) << got;
    if (value != 1e-7) {
      EXPECT_EQ(got, text);
    }
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 200000; ++i) {
    double value;
    uint64_t bits = random();
    memcpy(&value, &bits, 8);
    if (i % 2) value = static_cast<double>(static_cast<int64_t>(bits) >> 20) / 1000;
    if (!std::isfinite(value)) continue;
    const std::string got = text_of(&formatter, value);
    ASSERT_EQ(strtod(got.c_str(), nullptr), value) << got;
    ASSERT_LE(got.size(), 40u);
  }
}

TEST(CsvWriter, NestedAndBinary) {
  auto child = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder list(arrow::default_memory_pool(), child);
  ASSERT_OK(list.Append());
  ASSERT_OK(child->Append("a\"b"));
  ASSERT_OK(child->AppendNull());
  std::shared_ptr<arrow::Array> lists = *list.Finish();
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<arrow::Array> structs,
                       arrow::StructArray::Make({Int64s({5}), Doubles({0.5})},
                                                std::vector<std::string>{"i", "d"}));
  const auto binary = Values<arrow::BinaryBuilder, std::string>(
      arrow::binary(), {std::string("\x00\xFFz", 3)});
  ASSERT_OK_AND_ASSIGN(std::string text,
                       WriteAll({Batch({{"l", lists}, {"s", structs}, {"b", binary}})},
                                {{"header", "false"}}));
  EXPECT_EQ(text,
            "\"[\"\"a\\\"\"b\"\",null]\",\"{\"\"i\"\":5,\"\"d\"\":0.5}\",\\x00ff7a\n");
}

TEST(CsvWriter, LargeTextAndManyRows) {
  std::vector<Cell> cells;
  for (int i = 0; i < 200; ++i) {
    cells.push_back(std::string(static_cast<size_t>(i) * 997, i % 2 ? 'x' : '"'));
  }
  const auto batch = Batch({{"s", Strings(cells)}});
  ASSERT_OK_AND_ASSIGN(std::string text, WriteAll({batch, batch->Slice(100, 50)}));
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = text}));
  ASSERT_EQ(out.rows.size(), 250u);
  for (size_t i = 0; i < 250; ++i) {
    EXPECT_EQ(out.rows[i][0], cells[i < 200 ? i : i - 100]);
  }
}

// Texts for which room is asked one by one must not hold back the piece that is full.
TEST(CsvWriter, LongTextsLeavePieceByPiece) {
  const std::string text(60, 'x');
  const auto rows = Batch({{"t", Strings(std::vector<Cell>(200'000, text))},
                           {"u", Strings(std::vector<Cell>(200'000, text))}});
  auto format = MakeCsvFormat();
  ASSERT_OK_AND_ASSIGN(Config config, format->write_options().Parse("csv", {}, {}));
  const auto budget = MemoryBudget::Make(int64_t{1} << 30, ProcessMemoryPool());
  MemoryFile file;
  ASSERT_OK_AND_ASSIGN(auto writer, format->OpenWriter(file, config, rows->schema(),
                                                       false, {.pool = budget->pool()}));
  for (int64_t at = 0; at < rows->num_rows(); at += 10'000) {
    ASSERT_OK(writer->Write(rows->Slice(at, 10'000)));
    EXPECT_LT(writer->buffered_bytes(), 2 << 20);
  }
  ASSERT_OK(writer->Finish());
  EXPECT_EQ(file.text.size(), 4 + 200'000 * 122u);
  // What Write has encoded of one batch waits for the appender.
  EXPECT_LT(budget->peak(), 8 << 20);
}

TEST(CsvWriter, EveryTypeReadsBack) {
  using arrow::TimeUnit;
  const auto text = [](std::vector<Cell> cells) { return Strings(cells); };
  // Made from text by Arrow's own casts, so that the test has no formatting of its own.
  const std::vector<std::pair<std::shared_ptr<arrow::DataType>, std::vector<Cell>>>
      cases = {
          {arrow::boolean(), {{"true"}, N(), {"false"}}},
          {arrow::int8(), {{"-128"}, N(), {"127"}}},
          {arrow::int16(), {{"-32768"}, N(), {"0"}}},
          {arrow::int32(), {{"-2147483648"}, N(), {"99"}}},
          {arrow::int64(), {{"-9223372036854775808"}, N(), {"9223372036854775807"}}},
          {arrow::uint8(), {{"255"}, N(), {"0"}}},
          {arrow::uint16(), {{"65535"}, N(), {"10"}}},
          {arrow::uint32(), {{"4294967295"}, N(), {"100"}}},
          {arrow::uint64(), {{"18446744073709551615"}, N(), {"10000000000000000000"}}},
          {arrow::float32(), {{"0.1"}, N(), {"-3e38"}}},
          {arrow::float64(), {{"0.1"}, N(), {"-2.5e-300"}}},
          {arrow::date32(), {{"2024-02-29"}, N(), {"0001-01-01"}}},
          {arrow::date64(), {{"2024-02-29"}, N(), {"1969-12-31"}}},
          {arrow::time32(TimeUnit::SECOND), {{"23:59:59"}, N(), {"00:00:00"}}},
          {arrow::time32(TimeUnit::MILLI), {{"23:59:59.001"}, N(), {"00:00:01.5"}}},
          {arrow::time64(TimeUnit::NANO), {{"23:59:59.000000001"}, N(), {"12:00:00"}}},
          {arrow::timestamp(TimeUnit::SECOND),
           {{"1969-12-31 23:59:59"}, N(), {"2024-01-01"}}},
          {arrow::timestamp(TimeUnit::NANO),
           {{"2024-01-01 00:00:00.123456789"}, N(), {"1970-01-01"}}},
          {arrow::timestamp(TimeUnit::MICRO, "UTC"),
           {{"2024-01-01 00:00:00.000001Z"}, N(), {"1960-01-01 00:00:00Z"}}},
          {arrow::decimal128(20, 3), {{"-12345678901234567.891"}, N(), {"0.001"}}},
          {arrow::decimal128(38, 20),
           {{"123456789012345678.00000000000000000001"}, N(), {"-0.5"}}},
          {arrow::decimal256(60, 5),
           {{"1234567890123456789012345678901234567890.12345"}, N(), {"-1"}}},
          {arrow::utf8(), {{"a,b"}, N(), {""}}},
          {arrow::large_utf8(), {{"é\n"}, N(), {"\"\""}}},
          {arrow::binary(), {{"\\x"}, N(), {"a\nb"}}}};
  std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>> columns;
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (size_t i = 0; i < cases.size(); ++i) {
    arrow::compute::CastOptions options;
    options.allow_invalid_utf8 = true;
    options.to_type = cases[i].first;
    std::shared_ptr<arrow::Array> array;
    if (arrow::is_time(cases[i].first->id())) {  // which Cast can't make from text
      std::unique_ptr<arrow::ArrayBuilder> builder;
      ASSERT_OK(
          arrow::MakeBuilder(arrow::default_memory_pool(), cases[i].first, &builder));
      for (const Cell& cell : cases[i].second) {
        if (!cell) {
          ASSERT_OK(builder->AppendNull());
          continue;
        }
        ASSERT_OK_AND_ASSIGN(auto scalar, arrow::Scalar::Parse(cases[i].first, *cell));
        ASSERT_OK(builder->AppendScalar(*scalar));
      }
      array = *builder->Finish();
    } else {
      auto cast = arrow::compute::Cast(text(cases[i].second), options);
      ASSERT_TRUE(cast.ok()) << cases[i].first->ToString() << cast.status().ToString();
      array = cast->make_array();
    }
    columns.emplace_back(fmt::format("c{}", i), array);
    fields.push_back(arrow::field(fmt::format("c{}", i), cases[i].first));
  }
  const auto batch = Batch(columns);
  for (const Options& options : std::vector<Options>{{}, {{"quoting", "all"}}}) {
    ASSERT_OK_AND_ASSIGN(std::string written, WriteAll({batch}, options));
    ASSERT_OK_AND_ASSIGN(Outcome out,
                         Read({.text = written, .declared = arrow::schema(fields)}));
    ASSERT_EQ(out.batches.size(), 1u);
    for (int c = 0; c < batch->num_columns(); ++c) {
      EXPECT_TRUE(out.batches[0]->column(c)->Equals(batch->column(c)))
          << fields[static_cast<size_t>(c)]->ToString() << written;
    }
    // A slice, whose arrays have offsets.
    ASSERT_OK_AND_ASSIGN(std::string sliced, WriteAll({batch->Slice(2, 1)}, options));
    ASSERT_OK_AND_ASSIGN(Outcome part,
                         Read({.text = sliced, .declared = arrow::schema(fields)}));
    EXPECT_TRUE(part.batches[0]->Equals(*batch->Slice(2, 1))) << sliced;
  }
}

TEST(CsvWriter, Dictionaries) {
  std::vector<Cell> cells;
  for (int i = 0; i < 50; ++i) {
    cells.push_back(i % 7 == 0 ? Cell() : Cell(i % 3 ? "Sales" : "a,\"b\""));
  }
  auto encoded = arrow::compute::DictionaryEncode(Strings(cells));
  ASSERT_TRUE(encoded.ok());
  const auto array = encoded->make_array();
  const auto schema = arrow::schema({arrow::field("s", arrow::utf8())});
  // The schema says utf8; the batch brings a dictionary.
  auto format = MakeCsvFormat();
  ASSERT_OK_AND_ASSIGN(Config config, format->write_options().Parse("csv", {}, {}));
  MemoryFile file;
  ASSERT_OK_AND_ASSIGN(auto writer,
                       format->OpenWriter(file, config, schema, false, TestContext()));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(writer->Write(arrow::RecordBatch::Make(
        arrow::schema({arrow::field("s", array->type())}), 50, {array})));
  }
  ASSERT_OK(writer->Write(arrow::RecordBatch::Make(schema, 50, {Strings(cells)})));
  ASSERT_OK(writer->Finish());
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = file.text}));
  ASSERT_EQ(out.rows.size(), 150u);
  for (size_t i = 0; i < 150; ++i) EXPECT_EQ(out.rows[i][0], cells[i % 50]);
}

}  // namespace
}  // namespace millrace::formats::csv
