#include <cmath>

#include "millrace/formats/csv/tests/csv_testing.h"

namespace millrace::formats::csv {
namespace {

TEST(CsvReader, InfersTypesAndDeliversThem) {
  const std::string header = "b,i,d,day,at,zoned,s,none\n";
  const std::string rows =
      "true,7,1.5,2024-02-29,2024-02-29 12:34:56,2024-01-01T00:00:00Z,x,\n"
      "FALSE,-42,2,1970-01-01,1969-12-31T23:59:59.5,"
      "2024-01-01 02:00:00.25+02:00,y z,\n";
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = header + rows}));
  EXPECT_EQ(TypesOf(*out.schema),
            "b:bool i:int64 d:double day:date32[day] at:timestamp[us] "
            "zoned:timestamp[us, tz=UTC] s:string none:string");
  EXPECT_EQ(out.rows,
            (Table{{"true", "7", "1.5", "2024-02-29", "2024-02-29 12:34:56.000000",
                    "2024-01-01 00:00:00.000000Z", "x", N()},
                   {"false", "-42", "2", "1970-01-01", "1969-12-31 23:59:59.500000",
                    "2024-01-01 00:00:00.250000Z", "y z", N()}}));
  EXPECT_EQ(out.bytes_read, static_cast<int64_t>(header.size() + rows.size()));
}

TEST(CsvReader, MixedColumnsWidenAndOtherwiseStayText) {
  ASSERT_OK_AND_ASSIGN(Outcome out,
                       Read({.text = "real,big,stamp,mixed,zero,special,words\n"
                                     "1,123456789012345678901,2024-01-01,1,007,nan,nan\n"
                                     "1e3,2,2024-01-01 00:00:01,x,010,1.5,inf\n"}));
  EXPECT_EQ(TypesOf(*out.schema),
            "real:double big:string stamp:timestamp[us] mixed:string zero:int64 "
            "special:double words:string");
  EXPECT_EQ(out.rows[0][4], "7");
  EXPECT_EQ(out.rows[0][2], "2024-01-01 00:00:00.000000");
}

TEST(CsvReader, AFirstLineNamesTheDelimiter) {
  for (const char* text :
       {"sep=;\na;b\n1,5;2\n", "\xEF\xBB\xBFsep=;\r\na;b\r\n1,5;2\r\n"}) {
    for (const int64_t range : {int64_t{1}, int64_t{1} << 40}) {
      ASSERT_OK_AND_ASSIGN(
          Outcome out,
          Read({.text = text, .options = {{"sample_bytes", "1"}}, .range_bytes = range}));
      EXPECT_EQ(TypesOf(*out.schema), "a:string b:int64");
      EXPECT_EQ(out.rows, (Table{{"1,5", "2"}}));
    }
  }
  // What the user says counts, and a quote parts nothing.
  ASSERT_OK_AND_ASSIGN(Outcome given,
                       Read({.text = "sep=;\n1\n", .options = {{"delimiter", ","}}}));
  EXPECT_EQ(TypesOf(*given.schema), "sep=;:int64");
  EXPECT_FALSE(Read({.text = "sep=\"\na\n"}).ok());
}

TEST(CsvReader, NumbersWithADecimalComma) {
  const std::string text =
      "i;d;e;day;dot;both;at\n"
      "1.234;1,5;-1,25e2;01.02.2024;1.5;1.234.567,25;2024-01-01 00:00:00.5\n"
      "7;-0,125;3;02.02.2024;2.5;12;2024-01-01 00:00:00.25\n";
  for (const int64_t range : {int64_t{1}, int64_t{1} << 40}) {
    ASSERT_OK_AND_ASSIGN(
        Outcome out,
        Read({.text = text,
              .options = {{"delimiter", ";"}, {"decimal", ","}, {"thousands", "."}},
              .range_bytes = range}));
    EXPECT_EQ(TypesOf(*out.schema),
              "i:int64 d:double e:double day:string dot:string both:double "
              "at:timestamp[us]");
    EXPECT_EQ(out.rows, (Table{{"1234", "1.5", "-125", "01.02.2024", "1.5", "1234567.25",
                                "2024-01-01 00:00:00.500000"},
                               {"7", "-0.125", "3", "02.02.2024", "2.5", "12",
                                "2024-01-01 00:00:00.250000"}}));
  }
  // Without thousands a dot is in no number, and quotes and blanks are as ever.
  ASSERT_OK_AND_ASSIGN(
      Outcome quoted,
      Read({.text = "a,b,c\n\"1,5\",1.234,\" 2\"\nNA,1.5,7 \n",
            .options = {{"decimal", ","}, {"null", "NA"}, {"trim", "true"}}}));
  EXPECT_EQ(TypesOf(*quoted.schema), "a:double b:string c:string");
  EXPECT_EQ(quoted.rows, (Table{{"1.5", "1.234", " 2"}, {N(), "1.5", "7"}}));
}

TEST(CsvReader, NumbersOfEveryDeclaredTypeInTheirForm) {
  const auto schema = arrow::schema({
      arrow::field("i", arrow::int16()),
      arrow::field("u", arrow::uint64()),
      arrow::field("f", arrow::float32()),
      arrow::field("m", arrow::decimal128(20, 3)),
      arrow::field("s", arrow::utf8()),
  });
  const std::string head = "i;u;f;m;s\n";
  const std::string row =
      "-1'234;18'446'744'073'709'551'615;1'000,5;12'345'678'901'234'567,125;1'0,5\n";
  const Options options{{"delimiter", ";"}, {"decimal", ","}, {"thousands", "'"}};
  ASSERT_OK_AND_ASSIGN(
      Outcome out, Read({.text = head + row, .options = options, .declared = schema}));
  EXPECT_EQ(out.rows, (Table{{"-1234", "18446744073709551615", "1000.5",
                              "12345678901234567.125", "1'0,5"}}));
  // Groups that are none, and separators in the wrong place.
  for (const char* i :
       {"12'34", "'123", "1234'567", "123'", "1''234", "1,5", "1.5", "'"}) {
    const auto bad =
        Read({.text = head + i + ";1;1;1;x\n", .options = options, .declared = schema});
    EXPECT_EQ(ErrorNumber(bad.status()), errors::kCsvBadValue.number) << i;
  }
  for (const char* f : {"1,5'000", "1,5,5", "1.5", "1'23,5", ",", "1e1'000"}) {
    const auto bad = Read(
        {.text = head + "1;1;" + f + ";1;x\n", .options = options, .declared = schema});
    EXPECT_EQ(ErrorNumber(bad.status()), errors::kCsvBadValue.number) << f;
  }
  for (const auto& [decimal, thousands] :
       std::vector<std::pair<std::string, std::string>>{
           {",", ","}, {"0", "none"}, {"-", "none"}, {"\"", "none"}, {".", "e"}}) {
    const auto bad = Read({.text = head + row,
                           .options = {{"decimal", decimal}, {"thousands", thousands}}});
    EXPECT_EQ(ErrorNumber(bad.status()), errors::kCsvBadDialect.number) << decimal;
  }
}

TEST(CsvReader, QuotedFields) {
  ASSERT_OK_AND_ASSIGN(Outcome out,
                       Read({.text = "a,b\n\"x,1\",\"li\nne\"\n\"say \"\"hi\"\"\",\"\"\n"
                                     "\"\"\"\",\"12\"\n,\n"}));
  EXPECT_EQ(out.rows,
            (Table{{"x,1", "li\nne"}, {"say \"hi\"", ""}, {"\"", "12"}, {N(), N()}}));
}

TEST(CsvReader, LineEnds) {
  const Table expected{{"1", "x"}, {"2", "y"}};
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const std::string quote : {"", "\""}) {
      for (const bool last : {true, false}) {
        const std::string text = "a,b" + end + "1," + quote + "x" + quote + end + "2," +
                                 quote + "y" + quote + (last ? end : "");
        ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = text}));
        EXPECT_EQ(out.rows, expected) << text;
        EXPECT_EQ(TypesOf(*out.schema), "a:int64 b:string");
      }
    }
  }
}

TEST(CsvReader, ByteOrderMarkAndSkippedLines) {
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = "\xEF\xBB\xBF"
                                                  "junk \"\n,,\na\n1\n",
                                          .options = {{"skip_rows", "2"}}}));
  EXPECT_EQ(TypesOf(*out.schema), "a:int64");
  EXPECT_EQ(out.rows, (Table{{"1"}}));
}

TEST(CsvReader, HeaderOption) {
  ASSERT_OK_AND_ASSIGN(Outcome found, Read({.text = "a,b\n1,2\n"}));
  EXPECT_EQ(TypesOf(*found.schema), "a:int64 b:int64");
  ASSERT_OK_AND_ASSIGN(Outcome none, Read({.text = "1,2\n3,4\n"}));
  EXPECT_EQ(TypesOf(*none.schema), "column1:int64 column2:int64");
  EXPECT_EQ(none.rows.size(), 2u);
  ASSERT_OK_AND_ASSIGN(Outcome forced,
                       Read({.text = "1,2\n3,4\n", .options = {{"header", "true"}}}));
  EXPECT_EQ(TypesOf(*forced.schema), "1:int64 2:int64");
  ASSERT_OK_AND_ASSIGN(Outcome absent,
                       Read({.text = "a,b\nc,d\n", .options = {{"header", "false"}}}));
  EXPECT_EQ(absent.rows, (Table{{"a", "b"}, {"c", "d"}}));
  ASSERT_OK_AND_ASSIGN(Outcome unnamed,
                       Read({.text = "a,,c\n1,2,3\n", .options = {{"header", "true"}}}));
  EXPECT_EQ(TypesOf(*unnamed.schema), "a:int64 column2:int64 c:int64");
}

TEST(CsvReader, DelimiterQuoteAndComment) {
  ASSERT_OK_AND_ASSIGN(
      Outcome out,
      Read({.text = "a|b\n# \"not| a row\n'x|y'|1\n# end",
            .options = {{"delimiter", "|"}, {"quote", "'"}, {"comment", "#"}}}));
  EXPECT_EQ(out.rows, (Table{{"x|y", "1"}}));
  ASSERT_OK_AND_ASSIGN(Outcome plain, Read({.text = "a,b\n\"x,5\" tall\n",
                                            .options = {{"quote", "none"}}}));
  EXPECT_EQ(plain.rows, (Table{{"\"x", "5\" tall"}}));
  ASSERT_OK_AND_ASSIGN(Outcome tabs, Read({.text = "a\tb\n1\t2,3\n", .name = "x.tsv"}));
  EXPECT_EQ(tabs.rows, (Table{{"1", "2,3"}}));
}

TEST(CsvReader, EscapeOtherThanTheQuote) {
  ASSERT_OK_AND_ASSIGN(Outcome out,
                       Read({.text = "a,b\n\"x\\\"y\",p\\,q\n\"\\\\\",\\N\n",
                             .options = {{"escape", "\\"}, {"null", "\\N"}}}));
  EXPECT_EQ(out.rows, (Table{{"x\"y", "p,q"}, {"\\", N()}}));
}

TEST(CsvReader, NullSpellings) {
  ASSERT_OK_AND_ASSIGN(Outcome listed, Read({.text = "a,b\nNA,x\n-1,NULL\n3,\n",
                                             .options = {{"null", "NA,NULL,-1"}}}));
  EXPECT_EQ(TypesOf(*listed.schema), "a:int64 b:string");
  EXPECT_EQ(listed.rows, (Table{{N(), "x"}, {N(), N()}, {"3", ""}}));
  ASSERT_OK_AND_ASSIGN(
      Outcome both, Read({.text = "a,b\nNA,\"NA\"\n1,\n", .options = {{"null", ",NA"}}}));
  EXPECT_EQ(both.rows, (Table{{N(), "NA"}, {"1", N()}}));
  ASSERT_OK_AND_ASSIGN(Outcome empty, Read({.text = "a,b\n1,\"\"\n"}));
  EXPECT_EQ(empty.rows, (Table{{"1", ""}}));
  ASSERT_OK_AND_ASSIGN(Outcome quoted,
                       Read({.text = "a,b\n\"\",\"\"\n1,x\n",
                             .options = {{"quoted_empty_is_null", "true"}}}));
  EXPECT_EQ(quoted.rows, (Table{{N(), N()}, {"1", "x"}}));
}

TEST(CsvReader, Trim) {
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = "a , b\n 1 , \"x y \" \n\t2,  \n",
                                          .options = {{"trim", "true"}}}));
  EXPECT_EQ(TypesOf(*out.schema), "a:int64 b:string");
  EXPECT_EQ(out.rows, (Table{{"1", "x y "}, {"2", N()}}));
  ASSERT_OK_AND_ASSIGN(Outcome kept, Read({.text = "a,b\n1, x\n"}));
  EXPECT_EQ(kept.rows, (Table{{"1", " x"}}));
}

TEST(CsvReader, AllVarcharAndTimestampFormat) {
  ASSERT_OK_AND_ASSIGN(Outcome text,
                       Read({.text = "a,b\n007,true\n",
                             .options = {{"all_varchar", "true"}, {"header", "true"}}}));
  EXPECT_EQ(text.rows, (Table{{"007", "true"}}));
  ASSERT_OK_AND_ASSIGN(Outcome stamp,
                       Read({.text = "t\n29/Feb/2024 11:05:00 PM\n",
                             .options = {{"timestamp_format", "%d/%b/%Y %I:%M:%S %p"}}}));
  EXPECT_EQ(TypesOf(*stamp.schema), "t:timestamp[us]");
  EXPECT_EQ(stamp.rows, (Table{{"2024-02-29 23:05:00.000000"}}));
}

TEST(CsvReader, BlankLines) {
  ASSERT_OK_AND_ASSIGN(Outcome two, Read({.text = "a,b\n\n1,2\n\r\n3,4\n\n"}));
  EXPECT_EQ(two.rows, (Table{{"1", "2"}, {"3", "4"}}));
  ASSERT_OK_AND_ASSIGN(Outcome one, Read({.text = "a\n1\n\n3\n"}));
  EXPECT_EQ(one.rows, (Table{{"1"}, {N()}, {"3"}}));
}

TEST(CsvReader, EmptyInputs) {
  EXPECT_EQ(ErrorNumber(Read({.text = ""}).status()), 2100);
  EXPECT_EQ(ErrorNumber(Read({.text = "\n\n"}).status()), 2100);
  ASSERT_OK_AND_ASSIGN(Outcome header, Read({.text = "a,b\n"}));
  EXPECT_EQ(TypesOf(*header.schema), "a:string b:string");
  EXPECT_TRUE(header.rows.empty());
  ASSERT_OK_AND_ASSIGN(
      Outcome declared,
      Read({.text = "", .declared = arrow::schema({arrow::field("x", arrow::int64())})}));
  EXPECT_TRUE(declared.rows.empty());
}

TEST(CsvReader, DeclaredSchemas) {
  const auto schema = arrow::schema(
      {arrow::field("a", arrow::int32()), arrow::field("b", arrow::decimal128(9, 2))});
  // By order without a header, by name with one that has them.
  ASSERT_OK_AND_ASSIGN(Outcome bare, Read({.text = "1,2.5\n", .declared = schema}));
  EXPECT_EQ(bare.rows, (Table{{"1", "2.50"}}));
  ASSERT_OK_AND_ASSIGN(Outcome named,
                       Read({.text = "b,x,a\n2.50,q,1\n", .declared = schema}));
  EXPECT_EQ(named.rows, (Table{{"1", "2.50"}}));
  ASSERT_OK_AND_ASSIGN(Outcome other, Read({.text = "p,q\n1,2\n", .declared = schema}));
  EXPECT_EQ(other.rows, (Table{{"1", "2.00"}}));
  EXPECT_EQ(ErrorNumber(Read({.text = "1,2,3\n", .declared = schema}).status()), 2108);
}

TEST(CsvReader, EveryDeclaredType) {
  struct Row {
    std::shared_ptr<arrow::DataType> type;
    std::string good, shown, bad;
  };
  const std::vector<Row> rows = {
      {arrow::boolean(), "T", "true", "yep"},
      {arrow::int8(), "-128", "-128", "128"},
      {arrow::int16(), "32767", "32767", "32768"},
      {arrow::int32(), "+5", "5", "2147483648"},
      {arrow::int64(), "-9223372036854775808", "-9223372036854775808",
       "9223372036854775808"},
      {arrow::uint8(), "255", "255", "-1"},
      {arrow::uint16(), "65535", "65535", "65536"},
      {arrow::uint32(), "4294967295", "4294967295", "4294967296"},
      {arrow::uint64(), "18446744073709551615", "18446744073709551615", "-1"},
      {arrow::float32(), "0.25", "0.25", "1e99"},
      {arrow::float64(), "-1.5e3", "-1500", "1.2.3"},
      {arrow::date32(), "2023-03-01", "2023-03-01", "2023-02-29"},
      {arrow::date64(), "2023-03-01", "2023-03-01", "2023-13-01"},
      {arrow::time32(arrow::TimeUnit::SECOND), "23:59:59", "23:59:59", "24:00:00"},
      {arrow::time64(arrow::TimeUnit::MICRO), "01:02:03.5", "01:02:03.500000", "1:2"},
      {arrow::timestamp(arrow::TimeUnit::SECOND), "2024-01-01", "2024-01-01 00:00:00",
       "2024-01-01T00:00:00Z"},
      {arrow::timestamp(arrow::TimeUnit::NANO), "2024-01-01 00:00:00.123456789",
       "2024-01-01 00:00:00.123456789", "9999-01-01"},
      {arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), "2024-01-01 01:00:00+0100",
       "2024-01-01 00:00:00.000000Z", "2024-01-01 25:00:00"},
      {arrow::decimal128(5, 2), "-123.4", "-123.40", "1234.5"},
      {arrow::decimal128(38, 0), "12345678901234567890123456789",
       "12345678901234567890123456789", "1.5"},
      {arrow::decimal256(50, 1), "1.5", "1.5", "x"},
      {arrow::utf8(), "x", "x", ""},
      {arrow::large_utf8(), "x", "x", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.type->ToString());
    const auto schema = arrow::schema({arrow::field("v", row.type)});
    const Options options{{"header", "false"}};
    ASSERT_OK_AND_ASSIGN(Outcome out,
                         Read({.text = row.good + "\n\"" + row.good + "\"\n\n",
                               .options = options,
                               .declared = schema}));
    EXPECT_EQ(out.rows, (Table{{row.shown}, {row.shown}, {N()}}));
    if (!row.bad.empty()) {
      EXPECT_EQ(ErrorNumber(
                    Read({.text = row.bad + "\n", .options = options, .declared = schema})
                        .status()),
                2105);
    }
  }
  const auto nested = arrow::schema({arrow::field("v", arrow::list(arrow::int8()))});
  EXPECT_EQ(ErrorNumber(Read({.text = "1\n", .declared = nested}).status()), 2110);
}

TEST(CsvReader, BinaryIsHexOrAnyBytes) {
  const auto schema = arrow::schema({arrow::field("v", arrow::binary())});
  ASSERT_OK_AND_ASSIGN(auto file, OpenCase({.text = "\\x00fF\nab\xFF\n",
                                            .options = {{"header", "false"}},
                                            .declared = schema}));
  ASSERT_OK(file->Ranges(1 << 20).status());
  ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, TestContext()));
  ASSERT_OK_AND_ASSIGN(auto result, reader->Next({}, Waker()));
  const auto& array = static_cast<const arrow::BinaryArray&>(*result.rows->column(0));
  EXPECT_EQ(array.GetView(0), std::string_view("\x00\xFF", 2));
  EXPECT_EQ(array.GetView(1), "ab\xFF");
}

TEST(CsvReader, DoublesAreCorrectlyRounded) {
  const std::vector<std::string> texts = {"0.1",
                                          "-0",
                                          "123456.78",
                                          "-99999.99",
                                          ".5",
                                          "5.",
                                          "9007199254740993",
                                          "0.1000000000000000055511151231257827",
                                          "1e23",
                                          "8.5e-320",
                                          "123456789.123456",
                                          "1.7976931348623157e308",
                                          "4.35",
                                          "0.000001",
                                          "72057594037927945",
                                          "1234567.8",
                                          "999999999999999.9",
                                          "-1234567890.12345"};
  std::string text = "v\n";
  for (const auto& t : texts) text += t + "\n";
  ASSERT_OK_AND_ASSIGN(
      Outcome out,
      Read({.text = text,
            .options = {{"header", "true"}},
            .declared = arrow::schema({arrow::field("v", arrow::float64())})}));
  const auto& array = static_cast<const arrow::DoubleArray&>(*out.batches[0]->column(0));
  for (size_t i = 0; i < texts.size(); ++i) {
    const double expected = strtod(texts[i].c_str(), nullptr);
    EXPECT_EQ(array.Value(static_cast<int64_t>(i)), expected) << texts[i];
    EXPECT_EQ(std::signbit(array.Value(static_cast<int64_t>(i))), std::signbit(expected));
  }
  for (const std::string bad : {".", "-", "-.", "1e", "0x1", "1 ", "--1", "+-1", "1,"}) {
    EXPECT_EQ(ErrorNumber(
                  Read({.text = "\"" + bad + "\"\n",
                        .options = {{"header", "false"}},
                        .declared = arrow::schema({arrow::field("v", arrow::float64())})})
                      .status()),
              2105)
        << bad;
  }
}

TEST(CsvReader, ValueErrorNamesEverything) {
  std::string text = "id,n\n";
  for (int i = 1; i <= 300; ++i) text += fmt::format("{},{}\n", i, i);
  const size_t byte = text.size() + 4;
  text += "301,12x\n";
  // The sample ends before the bad row: the rule is an error, never a silent NULL.
  Case c{.text = text, .options = {{"sample_rows", "10"}}};
  for (const int64_t range : {int64_t{1} << 40, int64_t{100}}) {
    c.range_bytes = range;
    const Status status = Read(c).status();
    ASSERT_EQ(ErrorNumber(status), 2105);
    const Where& where = ErrorDetail::Of(status)->where();
    EXPECT_EQ(where.file, "t.csv");
    EXPECT_EQ(where.row, 301);
    EXPECT_EQ(where.column, "n");
    EXPECT_EQ(where.byte, static_cast<int64_t>(byte));
    EXPECT_NE(ErrorText(status).find("'12x' is no BIGINT"), std::string::npos)
        << ErrorText(status);
  }
}

TEST(CsvReader, SampledPlacesFindLaterText) {
  std::string text = "id,code\n";
  for (int i = 0; i < 40000; ++i) {
    text += fmt::format("{},{}\n", i, i < 39900 ? std::to_string(i) : "x\"\"y");
  }
  // Quotes would be stray: use clean text at the end.
  for (size_t at; (at = text.find("x\"\"y")) != std::string::npos;)
    text.replace(at, 4, "xy");
  ASSERT_OK_AND_ASSIGN(auto file,
                       OpenCase({.text = text, .options = {{"sample_bytes", "4096"}}}));
  EXPECT_EQ(TypesOf(*file->schema()), "id:int64 code:string");
}

TEST(CsvReader, StructuralErrors) {
  struct Row {
    std::string text;
    int number;
    int64_t row, byte;
  };
  for (const Row& row : std::vector<Row>{
           {"a,b\n1,2\n3\n", 2101, 2, 8},
           {"a,b\n1,2,3\n", 2102, 1, 4},
           {"a,b\n1,\"x\n", 2103, 1, 6},
           {"a,b\n1,\"x\"y\n", 2104, 1, 6},
           {"a,b\n1,x\"y\"\n", 2104, 1, 6},
           {"a,b\n1,\"x\"\ry\n", 2104, 1, 6},
           {"a,b\n1,\xFFx\n", 2106, 1, 6},
           {"a,a\n1,2\n", 2107, -1, -1},
       }) {
    SCOPED_TRACE(row.text);
    const Status status = Read({.text = row.text}).status();
    ASSERT_EQ(ErrorNumber(status), row.number) << ErrorText(status);
    EXPECT_EQ(ErrorDetail::Of(status)->where().row, row.row);
    EXPECT_EQ(ErrorDetail::Of(status)->where().byte, row.byte);
  }
  EXPECT_EQ(ErrorNumber(Read({.text = "a\n1\n", .options = {{"quote", ","}}}).status()),
            2111);
}

TEST(CsvReader, BadRowsBecomeDeadLetters) {
  const std::string text =
      "i,s\n1,a\nx,b\n3\n4,d,e\n5,\"f\"g\n6,\xC3(\n7,\xC3\xA9\n8,\"end\n";
  const auto schema = arrow::schema(
      {arrow::field("i", arrow::int64()), arrow::field("s", arrow::utf8())});
  for (const int64_t rows : {1, 2, 4096}) {
    ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = text,
                                            .declared = schema,
                                            .bad_rows = data::BadRowPolicy::kDeadLetter,
                                            .budget = {.rows = rows}}));
    EXPECT_EQ(out.rows, (Table{{"1", "a"}, {"7", "\xC3\xA9"}}));
    std::vector<int> codes;
    std::vector<int64_t> numbers;
    for (const auto& letter : out.dead_letters) {
      codes.push_back(letter.code);
      numbers.push_back(letter.where.row);
    }
    // Within one batch structure is looked at before values.
    std::sort(codes.begin(), codes.end());
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(codes, (std::vector<int>{2101, 2102, 2103, 2104, 2105, 2106}));
    EXPECT_EQ(numbers, (std::vector<int64_t>{2, 3, 4, 5, 6, 8}));
  }
}

TEST(CsvReader, DeadLettersKeepTheRow) {
  std::string text = "i,s\n";
  for (int i = 0; i < 1000; ++i) text += i % 2 ? "x,bad\n" : "1,good\n";
  ASSERT_OK_AND_ASSIGN(
      Outcome out, Read({.text = text,
                         .declared = arrow::schema({arrow::field("i", arrow::int64()),
                                                    arrow::field("s", arrow::utf8())}),
                         .bad_rows = data::BadRowPolicy::kDeadLetter}));
  EXPECT_EQ(out.rows.size(), 500u);
  ASSERT_EQ(out.dead_letters.size(), 500u);
  EXPECT_EQ(out.dead_letters[0].raw, "x,bad");
  EXPECT_EQ(out.dead_letters[1].where.row, 4);
  ASSERT_OK_AND_ASSIGN(
      Outcome cut, Read({.text = "i,s\nx," + std::string(100000, 'q') + "\n1,y\n",
                         .declared = arrow::schema({arrow::field("i", arrow::int64()),
                                                    arrow::field("s", arrow::utf8())}),
                         .bad_rows = data::BadRowPolicy::kDeadLetter}));
  EXPECT_EQ(cut.dead_letters[0].raw.size(), 65536u);
}

TEST(CsvReader, RaggedRows) {
  const std::string text = "a,b,c\n1,2,3\n4,\r\n5\n";
  ASSERT_OK_AND_ASSIGN(
      Outcome filled,
      Read(
          {.text = text,
           .options = {{"on_ragged", "null"}, {"null", "NA"}, {"all_varchar", "true"}}}));
  EXPECT_EQ(filled.rows, (Table{{"1", "2", "3"}, {"4", "", N()}, {"5", N(), N()}}));
  EXPECT_EQ(
      ErrorNumber(
          Read({.text = "a,b\n1,2,3\n", .options = {{"on_ragged", "null"}}}).status()),
      2102);
  ASSERT_OK_AND_ASSIGN(Outcome aside, Read({.text = text + "6,7,8,9\n",
                                            .options = {{"on_ragged", "dead_letter"}}}));
  EXPECT_EQ(aside.rows, (Table{{"1", "2", "3"}}));
  EXPECT_EQ(aside.dead_letters.size(), 3u);
}

TEST(CsvReader, ProjectionParsesOnlyWhatIsAsked) {
  // The unprojected column does not fit its type, and nobody notices.
  ASSERT_OK_AND_ASSIGN(
      Outcome out, Read({.text = "a,b,c\n1,x,2\n",
                         .declared = arrow::schema({arrow::field("a", arrow::int64()),
                                                    arrow::field("b", arrow::int64()),
                                                    arrow::field("c", arrow::int64())}),
                         .pushdown = {.columns = std::vector<int>{0, 2}}}));
  EXPECT_EQ(out.rows, (Table{{"1", "2"}}));
  EXPECT_EQ(out.batches[0]->schema()->field(1)->name(), "c");
}

TEST(CsvReader, RepeatedTextTravelsAsDictionary) {
  std::string text = "k,u\n";
  for (int i = 0; i < 1000; ++i) text += fmt::format("key{},u{}\n", i % 3, i);
  ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = text, .budget = {.rows = 100}}));
  EXPECT_EQ(TypesOf(*out.schema), "k:string u:string");
  EXPECT_EQ(out.batches[0]->column(0)->type_id(), arrow::Type::DICTIONARY);
  EXPECT_EQ(out.batches[0]->column(1)->type_id(), arrow::Type::STRING);
  EXPECT_EQ(out.rows[500], (std::vector<Cell>{"key2", "u500"}));
  // A dictionary that outgrows its use gives way to plain text.
  text = "k\n";
  for (int i = 0; i < 200; ++i) text += "a\n";
  for (int i = 0; i < 100000; ++i) text += fmt::format("value {}\n", i);
  ASSERT_OK_AND_ASSIGN(Outcome grown,
                       Read({.text = text,
                             .options = {{"sample_rows", "150"}, {"header", "true"}},
                             .budget = {.rows = 4096, .bytes = 8192},
                             .stream_piece = 1 << 20}));
  ASSERT_EQ(grown.rows.size(), 100200u);
  EXPECT_EQ(grown.batches.front()->column(0)->type_id(), arrow::Type::DICTIONARY);
  EXPECT_EQ(grown.batches.back()->column(0)->type_id(), arrow::Type::STRING);
  for (int i = 0; i < 100000; ++i) {
    ASSERT_EQ(grown.rows[static_cast<size_t>(200 + i)][0], fmt::format("value {}", i));
  }
}

TEST(CsvReader, BudgetsBoundBatches) {
  std::string text = "a,b\n";
  for (int i = 0; i < 1000; ++i) text += "12345678,x\n";  // 11 bytes a row
  ASSERT_OK_AND_ASSIGN(Outcome rows, Read({.text = text, .budget = {.rows = 7}}));
  EXPECT_EQ(rows.rows.size(), 1000u);
  for (const auto& batch : rows.batches) EXPECT_LE(batch->num_rows(), 7);
  ASSERT_OK_AND_ASSIGN(Outcome bytes, Read({.text = text, .budget = {.bytes = 110}}));
  EXPECT_EQ(bytes.rows.size(), 1000u);
  for (const auto& batch : bytes.batches) EXPECT_LE(batch->num_rows(), 10);
  ASSERT_OK_AND_ASSIGN(Outcome one, Read({.text = text, .budget = {.bytes = 1}}));
  EXPECT_EQ(one.batches.size(), 1000u);
}

TEST(CsvReader, SeekContinuesWhereAPositionSays) {
  std::string text = "a,b\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("{},\"x\n{}\"\n", i, i);
  for (const int64_t range : {int64_t{1} << 40, int64_t{300}}) {
    ASSERT_OK_AND_ASSIGN(auto file, OpenCase({.text = text}));
    ASSERT_OK_AND_ASSIGN(auto ranges, file->Ranges(range));
    std::vector<std::string> seen;
    for (size_t i = 0; i < ranges.size(); ++i) {
      data::Position position;
      for (;;) {
        // A new reader for every batch of three rows.
        ASSERT_OK_AND_ASSIGN(auto reader, file->Open(i, {}, TestContext()));
        ASSERT_OK(reader->Seek(position));
        ASSERT_OK_AND_ASSIGN(auto result, reader->Next({.rows = 3}, Waker()));
        EXPECT_LE(position, result.position);
        position = result.position;
        if (result.state == ReadResult::State::kEnd) break;
        for (int64_t r = 0; r < result.rows->num_rows(); ++r) {
          seen.push_back(*CellOf(*result.rows->column(0), r));
        }
      }
    }
    ASSERT_EQ(seen.size(), 100u);
    for (int i = 0; i < 100; ++i)
      EXPECT_EQ(seen[static_cast<size_t>(i)], std::to_string(i));
  }
}

TEST(CsvReader, RangesMayBeReadInAnyOrder) {
  std::string text = "a,b\n";
  for (int i = 0; i < 200; ++i) text += fmt::format("{},\"q\n\"\"{}\"\"\n\"\n", i, i);
  ASSERT_OK_AND_ASSIGN(auto file, OpenCase({.text = text}));
  ASSERT_OK_AND_ASSIGN(auto ranges, file->Ranges(50));
  std::vector<int> seen;
  for (size_t i = ranges.size(); i-- > 0;) {
    ASSERT_OK_AND_ASSIGN(auto reader, file->Open(i, {}, TestContext()));
    for (;;) {
      ASSERT_OK_AND_ASSIGN(auto result, reader->Next({}, Waker()));
      if (result.state == ReadResult::State::kEnd) break;
      for (int64_t r = 0; r < result.rows->num_rows(); ++r) {
        seen.push_back(std::stoi(*CellOf(*result.rows->column(0), r)));
      }
    }
  }
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(CsvReader, OnlyTheRangeOfAnUnclosedRecordReportsIt) {
  for (int64_t range = 1; range < 30; ++range) {
    ASSERT_OK_AND_ASSIGN(Outcome out, Read({.text = "a,b\n2,x\n3,\"y\n1,q\n4,r\n",
                                            .bad_rows = data::BadRowPolicy::kDeadLetter,
                                            .range_bytes = range}));
    EXPECT_EQ(out.rows, (Table{{"2", "x"}}));
    EXPECT_EQ(out.dead_letters.size(), 1u) << range;
  }
}

TEST(CsvReader, LargeFieldsWideRowsAndNulBytes) {
  const std::string large(3000000, 'x');
  ASSERT_OK_AND_ASSIGN(Outcome big, Read({.text = "a,b\n1,\"" + large + "\n\"\n2,y\n",
                                          .budget = {.bytes = 1000}}));
  EXPECT_EQ(big.rows[0][1], large + "\n");
  EXPECT_EQ(big.rows[1][1], "y");
  EXPECT_EQ(ErrorNumber(Read({.text = "a,b\n1,\"" + large + "\n\"\n",
                              .options = {{"max_record_bytes", "1MB"}},
                              .budget = {.bytes = 1000}})
                            .status()),
            2109);
  std::string wide;
  for (int i = 0; i < 5000; ++i) wide += fmt::format("{}c{}", i ? "," : "", i);
  wide += "\n";
  for (int i = 0; i < 5000; ++i) wide += fmt::format("{}{}", i ? "," : "", i);
  ASSERT_OK_AND_ASSIGN(Outcome columns, Read({.text = wide}));
  EXPECT_EQ(columns.rows[0][4999], "4999");
  const std::string nul("a,b\nx\0y,1\n", 10);
  ASSERT_OK_AND_ASSIGN(auto file, OpenCase({.text = nul}));
  ASSERT_OK(file->Ranges(100).status());
  ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, TestContext()));
  ASSERT_OK_AND_ASSIGN(auto result, reader->Next({}, Waker()));
  EXPECT_EQ(static_cast<const arrow::StringArray&>(*result.rows->column(0)).GetView(0),
            std::string_view("x\0y", 3));
}

TEST(CsvReader, Streams) {
  std::string text = "a,b\n";
  for (int i = 0; i < 500; ++i) text += fmt::format("{},\"t\n{}\"\n", i, i);
  for (const int64_t piece : {1, 100, 1 << 20}) {
    ASSERT_OK_AND_ASSIGN(
        Outcome out,
        Read({.text = text, .options = {{"sample_bytes", "64"}}, .stream_piece = piece}));
    ASSERT_EQ(out.rows.size(), 500u);
    EXPECT_EQ(out.rows[499], (std::vector<Cell>{"499", "t\n499"}));
  }
}

}  // namespace
}  // namespace millrace::formats::csv
