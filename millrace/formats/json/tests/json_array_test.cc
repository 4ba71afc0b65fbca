#include <random>

#include "millrace/formats/input.h"
#include "millrace/formats/json/structure.h"
#include "millrace/formats/json/tests/json_testing.h"
#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {
namespace {

constexpr int64_t kWhole = int64_t{1} << 40;

// The 64 bytes at a time against one byte after the other, whatever stands before.
TEST(JsonStructure, VectorsAgreeWithBytes) {
  std::mt19937 random(7);
  const std::string alphabet = "{}[]\"\\\\\\,:a \n";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const size_t size = random() % 200;
    for (size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
    std::string padded = text + "\"\\{" + std::string(kPadding, '\\');
    for (const bool in_string : {false, true}) {
      for (const bool escaped : {false, true}) {
        Structure at{.in_string = in_string, .escaped = escaped, .depth = 5};
        const StructureDelta delta = ScanStructure(padded.data(), text.size(), escaped);
        const Structure fast = delta.After(at);
        int64_t low = at.depth;
        for (const char c : text) {
          at.Step(c);
          low = std::min(low, at.depth);
        }
        ASSERT_EQ(delta.LowAfter({.in_string = in_string, .depth = 5}), low) << text;
        if (text.empty()) continue;
        ASSERT_EQ(fast.in_string, at.in_string) << text;
        ASSERT_EQ(fast.escaped, at.escaped) << text;
        ASSERT_EQ(fast.depth, at.depth) << text;
      }
    }
  }
}

TEST(JsonArray, ToldByItsFirstByte) {
  for (const char* text :
       {"[{\"a\":1},{\"a\":2}]", "\xEF\xBB\xBF \n [ {\"a\":1}\n,\n{\"a\":\n2}\r\n]\n\n",
        "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]\n"}) {
    for (const int64_t stream : {0, 1, 5}) {
      ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = text, .stream_piece = stream}));
      EXPECT_EQ(out.rows, (Rows{"1", "2"})) << text;
      EXPECT_EQ(TypesOf(*out.schema), "a:int64");
    }
  }
}

TEST(JsonArray, EmptyOnes) {
  const auto declared = arrow::schema({arrow::field("a", arrow::int64())});
  for (const char* text : {"[]", " [\n] \n"}) {
    EXPECT_EQ(NumberOf({.text = text}), 2200);
    for (const int64_t range : {int64_t{1}, kWhole}) {
      ASSERT_OK_AND_ASSIGN(
          auto out, ReadJson({.text = text, .declared = declared, .range_bytes = range}));
      EXPECT_TRUE(out.rows.empty());
      EXPECT_EQ(out.bytes_read, static_cast<int64_t>(strlen(text)));
    }
  }
  EXPECT_EQ(NumberOf({.text = "[ ", .declared = declared}), 2213);
}

TEST(JsonArray, LayoutsThatDoNotFit) {
  EXPECT_EQ(NumberOf({.text = "{\"a\":1}", .options = {{"layout", "array"}}}), 2212);
  EXPECT_EQ(NumberOf({.text = "[1, 2]"}), 2202);
}

TEST(JsonArray, WhatFollowsIt) {
  const std::string text = "[{\"a\":1},{\"a\":2}] \n";
  for (const auto policy : {data::BadRowPolicy::kFail, kDead}) {
    for (const std::string tail : {"x", "]", ",{\"a\":3}]", "[{\"a\":3},{\"a\":4}]"}) {
      for (const int64_t range : {int64_t{1}, int64_t{9}, kWhole}) {
        const Status status =
            ReadJson({.text = text + tail, .bad_rows = policy, .range_bytes = range})
                .status();
        ASSERT_EQ(ErrorNumber(status), 2214) << tail << range << status.ToString();
        EXPECT_EQ(ErrorDetail::Of(status)->where().byte,
                  static_cast<int64_t>(text.size()));
      }
    }
  }
  EXPECT_EQ(NumberOf({.text = "[{\"a\":1}},{\"a\":2}]"}), 2215);
}

// Each bad element stands third among good ones: the error names it, and setting it aside
// loses nothing else.
TEST(JsonArray, BadElements) {
  const std::pair<const char*, int32_t> cases[] = {
      {"17", 2202},
      {"null", 2202},
      {"\"{}\"", 2202},
      {"[{\"a\":1},{\"a\":2}]", 2202},
      {"", 2201},
      {"{\"a\":1} {\"a\":2}", 2201},
      {"{\"a\":1 2}", 2201},
      {"{\"a\":}", 2201},
      {"{\"a\" 1}", 2201},
      {"{\"a\":1,}", 2201},
      {"{\"a\":1]", 2201},
      {"{\"a\":1,\"b\":\"\t\"}", 2201},
      {"{\"a\":1,\"b\":\"\n},{\"}", 2201},
      {"{\"b\":\"\xFF\"}", 2204},
      {"{\"b\":\"\\ud800\"}", 2201},
      {"{\"a\":nul}", 2205},
      {"{\"a\":1,\"a\":1}", 2206},
  };
  for (const auto& [element, number] : cases) {
    SCOPED_TRACE(element);
    const std::string before = "[{\"a\":1,\"b\":\"x\"},\n{\"a\":2},";
    JsonCase c{.text = before + element + ",{\"b\":\"é]},\\\"\",\"a\":4}\n]\n",
               .options = {{"sample_rows", "2"}}};
    for (const int64_t range : {int64_t{1}, int64_t{7}, kWhole}) {
      for (const int64_t rows : {1, 100}) {
        c.range_bytes = range;
        c.budget = {.rows = rows};
        c.bad_rows = data::BadRowPolicy::kFail;
        const Status status = ReadJson(c).status();
        ASSERT_EQ(ErrorNumber(status), number) << status.ToString();
        EXPECT_EQ(ErrorDetail::Of(status)->where().row, 3);
        EXPECT_GE(ErrorDetail::Of(status)->where().byte,
                  static_cast<int64_t>(before.size()));
        c.bad_rows = kDead;
        ASSERT_OK_AND_ASSIGN(auto out, ReadJson(c));
        EXPECT_EQ(out.rows, (Rows{"1|x", "2|NULL", "4|é]},\""}));
        ASSERT_EQ(out.dead_letters.size(), 1u);
        EXPECT_EQ(out.dead_letters[0].raw, element);
        EXPECT_EQ(out.dead_letters[0].code, number);
        EXPECT_EQ(out.dead_letters[0].where.row, 3);
      }
    }
  }
}

TEST(JsonArray, ACommaBeforeTheEnd) {
  const JsonCase c{.text = "[{\"a\":1}, ]"};
  const Status status = ReadJson(c).status();
  ASSERT_EQ(ErrorNumber(status), 2201);
  EXPECT_EQ(ErrorDetail::Of(status)->where().byte, 10);
  EXPECT_EQ(ErrorDetail::Of(status)->where().row, 2);
}

// A file that is cut at any byte says so; the elements that are whole can be kept.
TEST(JsonArray, CutAnywhere) {
  const std::string text =
      "[{\"a\":1,\"b\":\"x]\"}, {\"a\":2,\"b\":\"\\\"}\"}\n,{\"b\":\"\\\\\",\"a\":3} ]";
  const Rows all = {"1|x]", "2|\"}", "3|\\"};
  const auto declared = arrow::schema(
      {arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())});
  for (size_t cut = 1; cut < text.size(); ++cut) {
    size_t whole = 0;
    for (const char* element : {"]\"},", "}\"}\n,"}) {
      whole += text.find(element) + strlen(element) <= cut;
    }
    for (const int64_t range : {int64_t{1}, int64_t{5}, kWhole}) {
      JsonCase c{.text = text.substr(0, cut), .declared = declared, .range_bytes = range};
      const Status status = ReadJson(c).status();
      ASSERT_EQ(ErrorNumber(status), 2213) << c.text << range << status.ToString();
      c.bad_rows = kDead;
      auto out = ReadJson(c);
      if (text.find('{') >= cut) {
        EXPECT_EQ(ErrorNumber(out.status()), 2213);
        continue;
      }
      ASSERT_OK(out.status());
      EXPECT_EQ(out->rows, Rows(all.begin(), all.begin() + static_cast<int64_t>(whole)))
          << c.text << range;
      EXPECT_EQ(out->dead_letters.size(), 1u) << c.text << range;
      EXPECT_EQ(out->bytes_read, static_cast<int64_t>(cut)) << c.text << range;
    }
  }
}

struct Made {
  std::string array, objects;
  Rows rows;
};

// Objects in many forms; what they hold is written beside them.
Made MakeElements(int count) {
  Made out;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i * 7919 % 1000);
    const std::string word = i % 3 == 0   ? "w" + std::to_string(i % 5)
                             : i % 3 == 1 ? "},{[\\\\\\\""
                                          : "é]";
    const std::string value = i % 3 == 1 ? "},{[\\\"" : word;
    std::string object;
    if (i % 4 == 0) {
      object =
          "{\"n\":" + number + ",\"l\":[" + number + ",null],\"w\":\"" + word + "\"}";
    } else {
      object = "{\n  \"w\": \"" + word + "\",\n  \"l\": [\n" + number +
               ",\n null\n ] ,\"x\":{\"n\":[{}]},\r\n\"n\":" + number + "\n}";
    }
    const bool spaced = i % 5 == 0;
    out.array += (i == 0 ? "[" : spaced ? "\n , \n" : ",") + object;
    out.objects += (i == 0 || !spaced ? "" : " \n\n") + object;
    out.rows.push_back(number + "|list<item: int64>[" + number + ", null]|" + value);
  }
  out.array += "\n]";
  return out;
}

TEST(JsonArray, CutsDoNotMatter) {
  const Made made = MakeElements(40);
  const auto declared = arrow::schema({arrow::field("n", arrow::utf8()),
                                       arrow::field("l", arrow::list(arrow::int64())),
                                       arrow::field("w", arrow::utf8())});
  for (const bool array : {true, false}) {
    const std::string& text = array ? made.array : made.objects;
    for (const int64_t stream : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{4096}}) {
      for (const int64_t range :
           {int64_t{1}, int64_t{13}, int64_t{64}, int64_t{500}, kWhole}) {
        if (stream > 0 && range != kWhole) continue;
        for (const int64_t rows : {1, 7, 4096}) {
          for (const int64_t bytes : {1, 300, 4 << 20}) {
            ASSERT_OK_AND_ASSIGN(
                auto out, ReadJson({.text = text,
                                    .options = {{"layout", array ? "auto" : "objects"}},
                                    .declared = declared,
                                    .budget = {.rows = rows, .bytes = bytes},
                                    .range_bytes = range,
                                    .stream_piece = stream}));
            ASSERT_EQ(out.rows, made.rows) << stream << " " << range << " " << rows;
            for (const auto& batch : out.batches) ASSERT_LE(batch->num_rows(), rows);
            if (stream == 0) {
              ASSERT_EQ(out.bytes_read, static_cast<int64_t>(text.size()))
                  << range << array;
            }
          }
        }
      }
    }
  }
}

TEST(JsonArray, SeekContinuesAfterAPosition) {
  const Made made = MakeElements(12);
  for (const bool array : {true, false}) {
    JsonCase c{.text = (array ? made.array : made.objects) + "  \n",
               .options = {{"layout", array ? "array" : "objects"}},
               .budget = {.rows = 1}};
    ASSERT_OK_AND_ASSIGN(auto all, ReadJson(c));
    ASSERT_EQ(all.rows.size(), 12u);
    for (const int64_t range : {int64_t{50}, kWhole}) {
      for (size_t i = 0; i < all.positions.size(); ++i) {
        ASSERT_OK_AND_ASSIGN(auto file, OpenJson(c));
        ASSERT_OK_AND_ASSIGN(auto ranges, file->Ranges(range));
        int64_t at = 0;
        ASSERT_TRUE(OffsetOf(all.positions[i], &at));
        Rows rest;
        for (size_t r = 0; r < ranges.size(); ++r) {
          if (ranges[r].end <= at && ranges[r].end < static_cast<int64_t>(c.text.size()))
            continue;
          ASSERT_OK_AND_ASSIGN(auto reader, file->Open(r, {}, TestContext()));
          if (ranges[r].begin < at) ASSERT_OK(reader->Seek(all.positions[i]));
          ASSERT_OK_AND_ASSIGN(JsonOutcome part, ReadRest(*reader, c.budget));
          rest.insert(rest.end(), part.rows.begin(), part.rows.end());
        }
        EXPECT_EQ(rest,
                  Rows(all.rows.begin() + std::min<int64_t>(i + 1, 12), all.rows.end()))
            << array << " " << range << " " << i;
      }
    }
  }
}

struct Way {
  Status status;
  Rows rows;
  std::vector<std::string> letters;
};

// What comes before an error counts, too.
Way ReadWay(const JsonCase& c) {
  Way out;
  out.status = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(auto file, OpenJson(c));
    ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(c.range_bytes));
    for (size_t i = 0; i < ranges.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, {}, TestContext(c.bad_rows)));
      TextOutcome text;
      const Status status = Drain(*reader, c.budget, &text);
      for (const auto& letter : text.dead_letters) {
        out.letters.push_back(fmt::format("{} {} {} {}", letter.code, letter.where.row,
                                          letter.where.byte, letter.raw));
      }
      for (const auto& row : Joined(std::move(text)).rows) out.rows.push_back(row);
      ARROW_RETURN_NOT_OK(status);
    }
    return Status::OK();
  }();
  // Values are looked at after the objects of their batch.
  std::sort(out.letters.begin(), out.letters.end());
  return out;
}

// However a file is spoiled, the same rows, letters and error come out of it in one piece
// and in many.
TEST(JsonArray, SpoiledFilesAreReadAlikeInPieces) {
  const Made made = MakeElements(9);
  const std::string alphabet = "{}[]\"\\,: \n1x\xFF";
  std::mt19937 random(3);
  const auto declared = arrow::schema(
      {arrow::field("n", arrow::int64()), arrow::field("w", arrow::utf8())});
  for (int round = 0; round < 400; ++round) {
    const bool array = round % 3 != 0;
    std::string text = array ? made.array : made.objects;
    for (unsigned i = 0, n = random() % 3; i <= n; ++i) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text.erase(at, 1 + random() % 3); break;
        case 1: text.insert(at, 1, alphabet[random() % alphabet.size()]); break;
        case 2: text[at] = alphabet[random() % alphabet.size()]; break;
        default: text.insert(at, text.substr(random() % text.size(), 20)); break;
      }
    }
    for (const auto policy : {data::BadRowPolicy::kFail, kDead}) {
      JsonCase c{.text = text,
                 .options = {{"layout", array ? "array" : "objects"}},
                 .declared = declared,
                 .bad_rows = policy};
      const Way one = ReadWay(c);
      for (const int64_t range : {int64_t{1}, int64_t{17}, int64_t{200}, kWhole}) {
        for (const Budget budget : {Budget{.rows = 1}, Budget{.bytes = 1}, Budget()}) {
          c.range_bytes = range;
          c.budget = budget;
          const Way many = ReadWay(c);
          ASSERT_EQ(ErrorNumber(many.status), ErrorNumber(one.status))
              << text << "\n"
              << many.status.ToString() << one.status.ToString() << range;
          // A value that fails the read takes the rows of its batch with it.
          if (policy == data::BadRowPolicy::kFail && !one.status.ok()) continue;
          ASSERT_EQ(many.rows, one.rows) << text << "\n" << range;
          ASSERT_EQ(many.letters, one.letters) << text << "\n" << range;
        }
      }
    }
  }
}

// Types and columns that come late are seen where the file is sampled, and objects within
// others are not taken for records.
TEST(JsonArray, PlacesAreSampled) {
  std::string text = "[";
  for (int i = 0; i < 4000; ++i) {
    text += (i == 0 ? "" : ",\n") + std::string("{\"in\":{\"x\":1,\"pad\":\"") +
            std::string(100, 'p') + "\"},\"n\":" + (i < 3000 ? "1" : "1.5") +
            (i < 3000 ? "" : ",\"late\":true") + "}";
  }
  text += "]";
  ASSERT_OK_AND_ASSIGN(auto out,
                       ReadJson({.text = text, .options = {{"sample_bytes", "64KiB"}}}));
  EXPECT_EQ(TypesOf(*out.schema), "in:struct<x: int64, pad: string> n:double late:bool");
  EXPECT_EQ(out.rows.size(), 4000u);
}

TEST(JsonObjects, ToldByAnObjectOfManyLines) {
  const std::string text = "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n} {\"a\":3}";
  ASSERT_OK_AND_ASSIGN(auto out, ReadJson({.text = text}));
  EXPECT_EQ(out.rows, (Rows{"1", "2", "3"}));
  // A first line that was cut is a bad line.
  JsonCase c{.text = "{\"a\":1\n{\"a\":2}\n", .bad_rows = kDead};
  ASSERT_OK_AND_ASSIGN(out, ReadJson(c));
  EXPECT_EQ(out.rows, (Rows{"2"}));
}

TEST(JsonObjects, BadOnes) {
  JsonCase c{.text = "{\"a\":1}17{\"a\":2} [3]{\"a\":\"\xFF\"},{\"a\":4} {\"a\":5",
             .options = {{"layout", "objects"}},
             .bad_rows = kDead};
  ASSERT_OK_AND_ASSIGN(auto one, ReadJson(c));
  EXPECT_EQ(one.rows, (Rows{"1"}));
  std::vector<std::pair<int32_t, std::string>> letters;
  for (const auto& letter : one.dead_letters) {
    letters.emplace_back(letter.code, letter.raw);
  }
  EXPECT_EQ(letters,
            (std::vector<std::pair<int32_t, std::string>>{{2202, "17{\"a\":2}"},
                                                          {2202, "[3]"},
                                                          {2204, "{\"a\":\"\xFF\"}"},
                                                          {2202, ",{\"a\":4}"},
                                                          {2203, "{\"a\":5"}}));
  for (const int64_t range : {1, 5, 11}) {
    c.range_bytes = range;
    ASSERT_OK_AND_ASSIGN(auto many, ReadJson(c));
    EXPECT_EQ(many.rows, one.rows);
    EXPECT_EQ(many.dead_letters.size(), 5u) << range;
  }
  c.text = "{\"a\":1}}{\"a\":2}";
  EXPECT_EQ(NumberOf(c), 2215);
}

Result<std::string> WriteArray(const std::vector<int64_t>& values, bool appending,
                               std::string existing, bool piece_first = false) {
  auto format = MakeJsonFormat();
  const auto schema = arrow::schema({arrow::field("a", arrow::int64())});
  ARROW_ASSIGN_OR_RAISE(Config config,
                        format->write_options().Parse("json", {{"layout", "array"}}, {}));
  MemoryFile file;
  file.text = std::move(existing);
  const Context context{.pool = arrow::default_memory_pool()};
  ARROW_ASSIGN_OR_RAISE(auto encoder, format->MakeEncoder(config, schema, context));
  ARROW_ASSIGN_OR_RAISE(auto appender,
                        format->OpenAppender(file, config, schema, appending, context));
  for (const int64_t value : values) {
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Append(value));
    ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
    std::vector<data::EncodedRows> pieces;
    ARROW_RETURN_NOT_OK(
        encoder->Encode(arrow::RecordBatch::Make(schema, 1, {array}), &pieces));
    ARROW_RETURN_NOT_OK(encoder->Flush(&pieces));
    for (const auto& piece : pieces) {
      if (piece_first) {
        ARROW_RETURN_NOT_OK(
            appender->AppendFile(std::make_shared<arrow::io::BufferReader>(piece.bytes)));
      } else {
        ARROW_RETURN_NOT_OK(appender->Append(piece));
      }
    }
  }
  ARROW_RETURN_NOT_OK(appender->Finish());
  return file.text;
}

TEST(JsonArrayWrite, PiecesMakeOneArray) {
  const std::string whole = "[\n{\"a\":1},\n{\"a\":2}\n]\n";
  EXPECT_EQ(*WriteArray({1, 2}, false, ""), whole);
  EXPECT_EQ(*WriteArray({1, 2}, false, "", true), whole);
  EXPECT_EQ(*WriteArray({}, false, ""), "[\n]\n");
  // A piece of another file has no brackets.
  EXPECT_EQ(*WriteArray({1}, true, ""), ",\n{\"a\":1}");
  EXPECT_EQ(*WriteArray({}, true, ""), "");
  EXPECT_EQ(*WriteArray({2}, true, "[\n{\"a\":1}\n"), "[\n{\"a\":1}\n,\n{\"a\":2}\n]\n");
}

TEST(JsonArrayWrite, WhereRowsAreAppended) {
  auto format = MakeJsonFormat();
  const auto schema = arrow::schema({arrow::field("a", arrow::int64())});
  ASSERT_OK_AND_ASSIGN(Config array,
                       format->write_options().Parse("json", {{"layout", "array"}}, {}));
  ASSERT_OK_AND_ASSIGN(Config lines, format->write_options().Parse("json", {}, {}));
  auto at = [&](const std::string& text) {
    arrow::io::BufferReader file(arrow::Buffer::FromString(text));
    return format->AppendAt(file, static_cast<int64_t>(text.size()), array);
  };
  EXPECT_EQ(*at("[{\"a\":1}  \n]\n\n"), 8);
  EXPECT_EQ(*at(" [\n]"), 0);
  EXPECT_EQ(*at("  \n"), 0);
  EXPECT_EQ(*at("[{}" + std::string(10000, ' ') + "]"), 3);
  EXPECT_EQ(ErrorNumber(at("[{\"a\":1}").status()), 2213);
  ASSERT_OK(format->CheckAppend(" [", array, *schema, TestContext()));
  EXPECT_EQ(ErrorNumber(format->CheckAppend("{\"a\":1}", array, *schema, TestContext())),
            2216);
  EXPECT_EQ(
      ErrorNumber(format->CheckAppend("\xEF\xBB\xBF[", lines, *schema, TestContext())),
      2216);
}

}  // namespace
}  // namespace millrace::formats::json
