#include "millrace/formats/json/tests/json_testing.h"

namespace millrace::formats::json {
namespace {

TEST(JsonInfer, TypesOfValues) {
  ASSERT_OK_AND_ASSIGN(
      auto out,
      ReadJson({.text = R"({"b":true,"i":-1,"u":18446744073709551615,"r":1.5,"m":1,)"
                        R"("d":"2024-02-29","t":"2024-01-02T03:04:05.25",)"
                        R"("z":"2024-01-02T03:04:05+01:00","s":"x","n":null,"o":{}})"
                        "\n"
                        R"({"b":false,"i":2,"u":1,"r":2,"m":"x","d":"1970-01-01",)"
                        R"("t":"2024-01-02","z":"1970-01-01 00:00:00Z","s":"","o":{}})"
                        "\n"}));
  EXPECT_EQ(TypesOf(*out.schema),
            "b:bool i:int64 u:uint64 r:double m:string d:date32[day] t:timestamp[us] "
            "z:timestamp[us, tz=UTC] s:string n:string o:string");
  EXPECT_EQ(out.rows,
            (Rows{"true|-1|18446744073709551615|1.5|1|2024-02-29|2024-01-02 "
                  "03:04:05.250000|2024-01-02 02:04:05.000000Z|x|NULL|{}",
                  "false|2|1|2|x|1970-01-01|2024-01-02 00:00:00.000000|1970-01-01 "
                  "00:00:00.000000Z||NULL|{}"}));
}

TEST(JsonInfer, NothingIsRounded) {
  ASSERT_OK_AND_ASSIGN(auto out,
                       ReadJson({.text = "{\"a\":18446744073709551616,\"b\":-1,"
                                         "\"c\":1e999,\"d\":\"2024-01-02T03:04:05."
                                         "123456789\"}\n{\"b\":9223372036854775808}\n"}));
  EXPECT_EQ(TypesOf(*out.schema), "a:string b:string c:string d:string");
  EXPECT_EQ(out.rows, (Rows{"18446744073709551616|-1|1e999|2024-01-02T03:04:05.123456789",
                            "NULL|9223372036854775808|NULL|NULL"}));
}

TEST(JsonInfer, Nested) {
  ASSERT_OK_AND_ASSIGN(
      auto out,
      ReadJson({.text = R"({"o":{"x":1,"y":[{"k":"a"},{"k":null,"l":[1.5]}]},"e":[]})"
                        "\n"
                        R"({"o":{"y":[],"x":null}, "e":null})"
                        "\n"
                        R"({"o":null})"
                        "\n"}));
  EXPECT_EQ(TypesOf(*out.schema),
            "o:struct<x: int64, y: list<item: struct<k: string, l: list<item: "
            "double>>>> e:list<item: string>");
  const auto& o = static_cast<const arrow::StructArray&>(*out.batches[0]->column(0));
  EXPECT_EQ(o.null_count(), 1);
  EXPECT_EQ(o.field(0)->ToString(),
            arrow::Int64Array(3, arrow::Buffer::FromVector(std::vector<int64_t>{1, 0, 0}),
                              arrow::Buffer::FromVector(std::vector<uint8_t>{1}), 2)
                .ToString());
  const auto& y = static_cast<const arrow::ListArray&>(*o.field(1));
  EXPECT_EQ(y.value_length(0), 2);
  EXPECT_EQ(y.value_length(1), 0);
  EXPECT_TRUE(y.IsNull(2));
}

TEST(JsonInfer, LateColumnIsIgnoredOrFails) {
  JsonCase c{.text = "{\"a\":1}\n{\"a\":2,\"late\":3}\n",
             .options = {{"sample_rows", "1"}}};
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson(c));
  EXPECT_EQ(out.rows, (Rows{"1", "2"}));
  c.options["unknown_fields"] = "fail";
  const Status status = ReadJson(c).status();
  ASSERT_EQ(ErrorNumber(status), 2207);
  EXPECT_EQ(ErrorDetail::Of(status)->where().row, 2);
  EXPECT_EQ(ErrorDetail::Of(status)->where().byte, 15);
}

TEST(JsonInfer, LateTypeIsAnErrorOrADeadLetter) {
  JsonCase c{.text = "{\"a\":1,\"b\":0}\n{\"b\":1,\"a\":2.5}\n{\"a\":3}\n",
             .options = {{"sample_rows", "1"}}};
  const Status status = ReadJson(c).status();
  ASSERT_EQ(ErrorNumber(status), 2205);
  const Where& where = ErrorDetail::Of(status)->where();
  EXPECT_EQ(where.file, "t.json");
  EXPECT_EQ(where.row, 2);
  EXPECT_EQ(where.column, "a");
  EXPECT_EQ(where.byte, 14 + 11);
  c.bad_rows = kDead;
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson(c));
  EXPECT_EQ(out.rows, (Rows{"1|0", "3|NULL"}));
  ASSERT_EQ(out.dead_letters.size(), 1u);
  EXPECT_EQ(out.dead_letters[0].raw, "{\"b\":1,\"a\":2.5}");
  EXPECT_EQ(out.dead_letters[0].code, 2205);
}

TEST(JsonRead, EmptyFiles) {
  EXPECT_EQ(NumberOf({.text = ""}), 2200);
  EXPECT_EQ(NumberOf({.text = "\n \r\n"}), 2200);
  auto declared = arrow::schema({arrow::field("a", arrow::int64())});
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = "", .declared = declared}));
  EXPECT_TRUE(out.rows.empty());
  EXPECT_TRUE(out.schema->Equals(*declared));
}

TEST(JsonRead, ByteOrderMarkBlankLinesAndLineEnds) {
  ASSERT_OK_AND_ASSIGN(
      auto out, ReadJson({.text = "\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \n { \"a\" : 2 } "
                                  "\r\n\t{\"a\"\t:3}"}));
  EXPECT_EQ(out.rows, (Rows{"1", "2", "3"}));
}

TEST(JsonRead, ArrayIsNotTakenForLines) {
  EXPECT_EQ(NumberOf({.text = " \n[{\"a\":1},\n{\"a\":2}]\n",
                      .options = {{"layout", "lines"}}}),
            2208);
}

// Each bad line stands third among good ones: the error names it, and setting it aside
// loses nothing else.
TEST(JsonRead, BadLines) {
  const std::pair<std::string, int32_t> bad[] = {
      {"{\"a\":1", 2201},
      {"{\"a\":}", 2201},
      {"{\"a\" 1}", 2201},
      {"{\"a\":1,}", 2201},
      {"{,\"a\":1}", 2201},
      {"{a:1}", 2201},
      {"{\"a\":1}}", 2201},
      {"{\"a\":1} {\"a\":2}", 2201},
      {"{\"a\":1 2}", 2201},
      {"{\"a\":\"x}", 2201},
      {"{\"a\":1}\"", 2201},
      {"{\"a\":1,\"b\":\"\t\"}", 2201},
      {"{\"b\":\"\xFF\"}", 2204},
      {"{\"b\":\"\\x\"}", 2201},
      {"{\"b\":\"\\ud800\"}", 2201},
      {"{\"a\":01}", 2205},
      {"{\"a\":+1}", 2205},
      {"{\"a\":.5}", 2205},
      {"{\"a\":1.}", 2205},
      {"{\"a\":nul}", 2205},
      {"{\"a\":1\"x\"}", 2205},
      {"{\"a\":-}", 2205},
      {"{\"a\":{}}", 2205},
      {"{\"b\":[1}", 2201},
      {"{\"b\":{\"x\":tru}}", 2201},
      {"17", 2202},
      {"null", 2202},
      {"[1]", 2202},
      {"\"{}\"", 2202},
      {"}", 2202},
      {"{\"a\":1,\"a\":1}", 2206},
      {"{\"a\":1,\"\\u0061\":1}", 2206},
  };
  for (const auto& [line, number] : bad) {
    SCOPED_TRACE(line);
    JsonCase c{.text = "{\"a\":1,\"b\":\"x\"}\n\n{\"a\":2}\n" + line +
                       "\n{\"b\":\"é\",\"a\":4}\n",
               .options = {{"sample_rows", "2"}}};
    for (const int64_t range : {int64_t{7}, int64_t{1} << 40}) {
      c.range_bytes = range;
      c.bad_rows = data::BadRowPolicy::kFail;
      const Status status = ReadJson(c).status();
      ASSERT_EQ(ErrorNumber(status), number) << status.ToString();
      EXPECT_EQ(ErrorDetail::Of(status)->where().row, 3);
      EXPECT_GE(ErrorDetail::Of(status)->where().byte, 25);
      c.bad_rows = kDead;
      ASSERT_OK_AND_ASSIGN(auto out, ReadJson(c));
      EXPECT_EQ(out.rows, (Rows{"1|x", "2|NULL", "4|é"}));
      ASSERT_EQ(out.dead_letters.size(), 1u);
      EXPECT_EQ(out.dead_letters[0].raw, line);
      EXPECT_EQ(out.dead_letters[0].code, number);
      EXPECT_EQ(out.dead_letters[0].where.row, 3);
    }
  }
}

TEST(JsonRead, TruncatedLastLine) {
  const JsonCase c{.text = "{\"a\":1}\n{\"a\":2,"};
  EXPECT_EQ(NumberOf(c), 2203);
  EXPECT_EQ(NumberOf({.text = "{\"a\":1}\n{\"a\":\"x"}), 2203);
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = "{\"a\":1}\n{\"a\":2}"}));
  EXPECT_EQ(out.rows, (Rows{"1", "2"}));
}

TEST(JsonRead, StringsAndEscapes) {
  ASSERT_OK_AND_ASSIGN(
      auto out,
      ReadJson({.text = "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}\n"
                        "{\"s\":\"{\\\"not\\\": [1]}\"}\n{\"s\":\"\\\\\"}\n{\"\\u0073\":"
                        "\"by escaped name\"}\n"}));
  EXPECT_EQ(out.rows,
            (Rows{"\"\\/\b\f\n\r\té😀", "{\"not\": [1]}", "\\", "by escaped name"}));
}

TEST(JsonRead, TextTakesEveryValue) {
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = R"({"s":"x"}
{"s": {"a" : [1, "y"]} }
{"s":-0.0e+1}
{"s":true}
{"s":null}
)",
                                           .options = {{"sample_rows", "1"}}}));
  EXPECT_EQ(out.rows, (Rows{"x", "{\"a\" : [1, \"y\"]}", "-0.0e+1", "true", "NULL"}));
}

TEST(JsonRead, DeclaredTypes) {
  const auto declared = arrow::schema({
      arrow::field("i8", arrow::int8()),
      arrow::field("u64", arrow::uint64()),
      arrow::field("f", arrow::float32()),
      arrow::field("d", arrow::decimal128(10, 2)),
      arrow::field("w", arrow::decimal256(50, 1)),
      arrow::field("bin", arrow::binary()),
      arrow::field("day", arrow::date32()),
      arrow::field("ms", arrow::timestamp(arrow::TimeUnit::MILLI)),
      arrow::field("time", arrow::time64(arrow::TimeUnit::MICRO)),
      arrow::field("m", arrow::map(arrow::utf8(), arrow::int32())),
      arrow::field("mi", arrow::map(arrow::int32(), arrow::utf8())),
      arrow::field("fl", arrow::fixed_size_list(arrow::int16(), 2)),
  });
  ASSERT_OK_AND_ASSIGN(
      auto out,
      ReadJson({.text = R"({"i8":-1.28e2,"u64":"18446744073709551615","f":0.5,)"
                        R"("d":"-12.5","w":123456789012345678901234567890123456789012.5,)"
                        R"("bin":"AAEC/w==","day":"1969-12-31",)"
                        R"("ms":"1970-01-01T00:00:00.001","time":"00:00:01.5",)"
                        R"("m":{"a":1,"b":null},"mi":[{"key":7,"value":"x"}],"fl":[1,2]})"
                        "\n{}\n",
                .declared = declared}));
  EXPECT_TRUE(out.schema->Equals(*declared));
  EXPECT_EQ(out.rows[0],
            "-128|18446744073709551615|0.5|-12.50|"
            "123456789012345678901234567890123456789012.5|" +
                std::string("\x00\x01\x02\xff", 4) +
                "|1969-12-31|1970-01-01 00:00:00.001|00:00:01.500000|"
                "map<string, int32>[{key:string = a, value:int32 = 1}, {key:string = b, "
                "value:int32 = null}]|"
                "map<int32, string>[{key:int32 = 7, value:string = x}]|"
                "fixed_size_list<item: int16>[2][1, 2]")
      << out.rows[0];
  EXPECT_EQ(out.rows[1], "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL");
}

TEST(JsonRead, DeclaredTypesLoseNothing) {
  auto number = [](const std::shared_ptr<arrow::DataType>& type, const std::string& v) {
    return NumberOf({.text = "{\"a\":" + v + "}\n",
                     .declared = arrow::schema({arrow::field("a", type)})});
  };
  EXPECT_EQ(number(arrow::int8(), "128"), 2205);
  EXPECT_EQ(number(arrow::int64(), "1.5"), 2205);
  EXPECT_EQ(number(arrow::int64(), "1e30"), 2205);
  EXPECT_EQ(number(arrow::int64(), "1e-400"), 2205);
  EXPECT_EQ(number(arrow::int64(), "0e-400"), 0);
  EXPECT_EQ(number(arrow::uint64(), "-1"), 2205);
  EXPECT_EQ(number(arrow::decimal128(4, 1), "1.25"), 2205);
  EXPECT_EQ(number(arrow::decimal128(4, 1), "12345"), 2205);
  EXPECT_EQ(number(arrow::decimal256(70, 1), "1e-300"), 2205);
  EXPECT_EQ(
      number(arrow::timestamp(arrow::TimeUnit::SECOND), "\"2024-01-01T00:00:00.5\""),
      2205);
  EXPECT_EQ(number(arrow::timestamp(arrow::TimeUnit::MICRO), "\"2024-01-01T00:00:00Z\""),
            2205);
  EXPECT_EQ(number(arrow::date32(), "\"2023-02-29\""), 2205);
  EXPECT_EQ(number(arrow::boolean(), "1"), 2205);
  EXPECT_EQ(number(arrow::binary(), "\"?\""), 2205);
  EXPECT_EQ(number(arrow::list(arrow::int8()), "[1,300]"), 2205);
  EXPECT_EQ(number(arrow::fixed_size_list(arrow::int8(), 2), "[1]"), 2205);
  EXPECT_EQ(number(arrow::month_interval(), "1"), 2210);
}

TEST(JsonRead, BadValuesInsideNestedColumnsNameTheirPlace) {
  const std::string text = "{\"o\":{\"x\":[1,2]}}\n{\"o\":{\"x\":[3,\"no\"]}}\n";
  JsonCase c{.text = text, .options = {{"sample_rows", "1"}}};
  const Status status = ReadJson(c).status();
  ASSERT_EQ(ErrorNumber(status), 2205);
  EXPECT_EQ(ErrorDetail::Of(status)->where().column, "o.x[]");
  EXPECT_EQ(ErrorDetail::Of(status)->where().row, 2);
  EXPECT_EQ(ErrorDetail::Of(status)->where().byte,
            static_cast<int64_t>(text.find("\"no\"")));
}

TEST(JsonRead, ProjectionAndNoColumnAtAll) {
  JsonCase c{.text = "{\"a\":1,\"b\":[{\"x\":1}],\"c\":\"y\"}\n{\"c\":\"z\"}\n"};
  c.pushdown.columns = std::vector<int>{2};
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson(c));
  EXPECT_EQ(out.rows, (Rows{"y", "z"}));
  c.pushdown.columns = std::vector<int>{};
  ASSERT_OK_AND_ASSIGN(out, ReadJson(c));
  EXPECT_EQ(out.rows.size(), 2u);
  EXPECT_EQ(out.batches[0]->num_columns(), 0);
}

// Every way to cut the input gives the same rows; the expected ones are made beside the
// text, not read from it.
TEST(JsonRead, CutsDoNotMatter) {
  std::string text;
  Rows expected;
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(i * 7919 % 1000);
    const std::string word = i % 3 == 0 ? "w" + std::to_string(i % 5) : "é";
    if (i % 11 == 0) text += "\n";
    if (i % 4 == 0) {
      text +=
          "{\"n\":" + number + ",\"l\":[" + number + ",null],\"w\":\"" + word + "\"}\n";
    } else {
      text += "{\"w\":\"" + word + "\", \"l\":[" + number + ",null] ,\"n\":" + number +
              "}\r\n";
    }
    expected.push_back(number + "|list<item: int64>[" + number + ", null]|" + word);
  }
  for (const int64_t stream : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{4096}}) {
    for (const int64_t range :
         {int64_t{1}, int64_t{13}, int64_t{500}, int64_t{1} << 40}) {
      if (stream > 0 && range != int64_t{1} << 40) continue;
      for (const int64_t rows : {1, 7, 4096}) {
        for (const int64_t bytes : {1, 300, 4 << 20}) {
          ASSERT_OK_AND_ASSIGN(auto out,
                               ReadJson({.text = text,
                                         .budget = {.rows = rows, .bytes = bytes},
                                         .range_bytes = range,
                                         .stream_piece = stream}));
          ASSERT_EQ(out.rows, expected) << stream << " " << range << " " << rows;
          for (const auto& batch : out.batches) ASSERT_LE(batch->num_rows(), rows);
          if (stream == 0 && range > 500) {
            EXPECT_EQ(out.bytes_read, static_cast<int64_t>(text.size()));
          }
        }
      }
    }
  }
}

TEST(JsonRead, SeekContinuesAfterAPosition) {
  std::string text = "{\"a\":0}\n\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}";
  JsonCase c{.text = text, .budget = {.rows = 1}};
  ASSERT_OK_AND_ASSIGN(auto all, ReadJson(c));
  ASSERT_EQ(all.positions.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(auto file, OpenJson(c));
    ASSERT_OK(file->Ranges(1 << 20).status());
    ASSERT_OK_AND_ASSIGN(auto reader,
                         file->Open(0, {}, {.pool = arrow::default_memory_pool()}));
    ASSERT_OK(reader->Seek(all.positions[i]));
    ASSERT_OK_AND_ASSIGN(JsonOutcome rest, ReadRest(*reader, c.budget));
    EXPECT_EQ(rest.rows,
              Rows(all.rows.begin() + static_cast<int64_t>(i) + 1, all.rows.end()));
    if (i > 0) {
      EXPECT_LT(all.positions[i - 1], all.positions[i]);
    }
  }
}

TEST(JsonRead, RepeatingStringsComeAsDictionary) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "{\"k\":\"" + std::string(i % 2 == 0 ? "even" : "odd\\n") + "\",\"u\":\"" +
            std::to_string(i) + "\"}\n";
  }
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = text}));
  EXPECT_EQ(TypesOf(*out.schema), "k:string u:string");
  EXPECT_EQ(out.batches[0]->column(0)->type_id(), arrow::Type::DICTIONARY);
  EXPECT_EQ(out.batches[0]->column(1)->type_id(), arrow::Type::STRING);
  EXPECT_EQ(out.rows[999], "odd\n|999");
}

TEST(JsonRead, LineTooLong) {
  const std::string text = "{\"a\":1}\n{\"a\":\"" + std::string(5000, 'x') + "\"}\n";
  EXPECT_EQ(NumberOf({.text = text,
                      .options = {{"max_record_bytes", "1000"}, {"sample_rows", "1"}},
                      .budget = {.rows = 10, .bytes = 300}}),
            2209);
}

TEST(JsonRead, DeepNestingIsText) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  ASSERT_OK_AND_ASSIGN(auto out,
                       ReadJson({.text = "{\"a\":1,\"b\":{\"c\":" + deep + "}}\n"}));
  EXPECT_EQ(out.rows.size(), 1u);
  EXPECT_NE(out.rows[0].find(std::string(4900, '[')), std::string::npos);
}

}  // namespace
}  // namespace millrace::formats::json
