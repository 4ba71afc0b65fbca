#include "millrace/base/testing.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/json_reader_internal.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {
namespace {

std::string Get(JsonReader& reader, const std::string& json, const std::string& path,
                JsonForm form = JsonForm::kAny) {
  const Status status = reader.SetPath(path);
  if (!status.ok()) return "MR-" + std::to_string(ErrorNumber(status));
  std::string out;
  return reader.Text(json, form, &out) ? out : "NULL";
}

TEST(JsonReader, WalksPaths) {
  JsonReader reader;
  const std::string json =
      R"( {"a": [ {"b c": 1.50}, "x", null ], "é\n\"": {"": true}, "a.b": 7, "a": 0} )";
  EXPECT_EQ(Get(reader, json, "$.a[0].\"b c\""), "1.50");
  EXPECT_EQ(Get(reader, json, "$['a'][-1]"), "null");
  EXPECT_EQ(Get(reader, json, "$.a[-3]"), R"({"b c":1.50})");
  EXPECT_EQ(Get(reader, json, "$.a[-4]"), "NULL");
  EXPECT_EQ(Get(reader, json, "$.a[3]"), "NULL");
  EXPECT_EQ(Get(reader, json, "$.a.b"), "NULL");
  EXPECT_EQ(Get(reader, json, "$[0]"), "NULL");
  EXPECT_EQ(Get(reader, json, "a.b"), "7");
  // Keys are compared as what they mean, and the first of two counts.
  EXPECT_EQ(Get(reader, json, "$[\"é\n\\\"\"]"), R"({"":true})");
  EXPECT_EQ(Get(reader, json, "$[\"é\n\\\"\"].\"\""), "true");
  EXPECT_EQ(Get(reader, R"({"\u0061": 1})", "a"), "1");
}

TEST(JsonReader, KeepsNumbersAsTheyAreWritten) {
  JsonReader reader;
  for (const char* number :
       {"0", "-0", "1.10", "123456789012345678901234567890", "1e400", "-2.5E-3"}) {
    EXPECT_EQ(Get(reader, number, "$"), number);
  }
  for (const char* broken : {"01", "+1", "1.", ".5", "1e", "-", "0x1", "NaN"}) {
    EXPECT_EQ(Get(reader, broken, "$"), "NULL") << broken;
    EXPECT_FALSE(reader.Valid(broken)) << broken;
  }
}

TEST(JsonReader, FormsDiffer) {
  JsonReader reader;
  const std::string json = R"({"s": "a\u00e9\"", "n": null, "o": {"x": [ ]}, "t": true})";
  EXPECT_EQ(Get(reader, json, "s"), R"("a\u00e9\"")");
  EXPECT_EQ(Get(reader, json, "s", JsonForm::kScalar), "aé\"");
  EXPECT_EQ(Get(reader, json, "s", JsonForm::kUnquoted), "aé\"");
  EXPECT_EQ(Get(reader, json, "s", JsonForm::kNested), "NULL");
  EXPECT_EQ(Get(reader, json, "n", JsonForm::kScalar), "NULL");
  EXPECT_EQ(Get(reader, json, "n", JsonForm::kUnquoted), "NULL");
  EXPECT_EQ(Get(reader, json, "o", JsonForm::kScalar), "NULL");
  EXPECT_EQ(Get(reader, json, "o", JsonForm::kUnquoted), R"({"x":[]})");
  EXPECT_EQ(Get(reader, json, "o", JsonForm::kNested), R"({"x":[]})");
  EXPECT_EQ(Get(reader, json, "t", JsonForm::kScalar), "true");
}

TEST(JsonReader, BadPathsAreErrors) {
  JsonReader reader;
  for (const char* path :
       {"$a", "$.", "$..a", "$.*", "$[", "$[x]", "$[0", "$[*]", "$.\"a", "$['a\"]"}) {
    EXPECT_EQ(Get(reader, "{}", path), "MR-3512") << path;
  }
  EXPECT_EQ(Get(reader, "{}", "$"), "{}");
}

TEST(JsonReader, WholeTextsAreValidOrNot) {
  JsonReader reader;
  for (const char* json : {"{}", " [1, {\"a\": \"\\u00e9\"}] ", "\"x\"", "null", "12"}) {
    EXPECT_TRUE(reader.Valid(json)) << json;
  }
  for (const char* json :
       {"",          " ",         "{",           "[1",   "[1,]",    "{\"a\"}",
        "{\"a\":}",  "{a: 1}",    "'x'",         "tru",  "nul",     "{\"a\": tru}",
        "[1] [2]",   "1, 2",      "1],[2",       "[1]]", "\"\\x\"", "\"a",
        "{\"a\":1]", "[\"a\" 1]", "{\"\\q\": 1}"}) {
    EXPECT_FALSE(reader.Valid(json)) << json;
  }
  const std::string deep(400, '['), deeper(600, '[');
  EXPECT_TRUE(reader.Valid(deep + std::string(400, ']')));
  EXPECT_FALSE(reader.Valid(deeper + std::string(600, ']')));
}

// Broken texts of every kind are read to their end and no further; ASan looks on.
TEST(JsonReader, PrefixesAreNeverValid) {
  JsonReader reader;
  const std::string json =
      R"({"a": [1, "b\"\u00e9", {"c": null}], "d": -1.5e3, "e": ""})";
  ASSERT_TRUE(reader.Valid(json));
  for (const char* path : {"$", "$.a[2].c", "$.d", "$.zz", "$.a[-1]"}) {
    ASSERT_OK(reader.SetPath(path));
    for (size_t size = 0; size < json.size(); ++size) {
      const std::string prefix = json.substr(0, size);
      EXPECT_FALSE(reader.Valid(prefix)) << prefix;
      std::string out;
      int64_t length;
      reader.Text(prefix, JsonForm::kAny, &out);
      reader.ArrayLength(prefix, &length);
      reader.ReadKeys(prefix);
      if (std::string_view(path) == "$.zz") {
        EXPECT_FALSE(reader.Exists(prefix));
      }
    }
  }
}

TEST(Json, ColumnsOfPathsAndIndices) {
  Fixture fixture;
  fixture.schema =
      arrow::schema({arrow::field("j", arrow::utf8()), arrow::field("p", arrow::utf8()),
                     arrow::field("i", arrow::int64())});
  const auto rows = arrow::RecordBatch::Make(
      fixture.schema, 4,
      {Strings({R"({"a":1})", R"([5,6])", "no json", std::nullopt}),
       Strings({"$.a", "$[1]", "$", "$"}), Ints({0, 1, 0, 0})});
  using Texts = std::vector<std::string>;
  ASSERT_OK_AND_ASSIGN(Texts found, fixture.Values("json_extract(j, p)", *rows));
  EXPECT_EQ(found, (Texts{"1", "6", "NULL", "NULL"}));
  ASSERT_OK_AND_ASSIGN(found, fixture.Values("json_extract(j, i)", *rows));
  EXPECT_EQ(found, (Texts{"NULL", "6", "NULL", "NULL"}));
  ASSERT_OK_AND_ASSIGN(found, fixture.Values("json_exists(j, p)", *rows));
  EXPECT_EQ(found, (Texts{"true", "true", "false", "NULL"}));
  ASSERT_OK_AND_ASSIGN(found, fixture.Values("json_keys(j)", *rows));
  EXPECT_EQ(found, (Texts{"[a]", "NULL", "NULL", "NULL"}));
  ASSERT_OK_AND_ASSIGN(found, fixture.Values("json_type(j)", *rows));
  EXPECT_EQ(found, (Texts{"object", "array", "NULL", "NULL"}));
  ASSERT_OK_AND_ASSIGN(found, fixture.Values("json_array_length(j)", *rows));
  EXPECT_EQ(found, (Texts{"NULL", "2", "NULL", "NULL"}));
  EXPECT_EQ(
      ErrorNumber(fixture.Values("json_array_length(j, 'a' || '')", *rows).status()), 0);
  EXPECT_EQ(ErrorNumber(fixture.Values("json_array_length(j, '$[')", *rows).status()),
            errors::kBadJsonPath.number);
}

}  // namespace
}  // namespace millrace::functions
