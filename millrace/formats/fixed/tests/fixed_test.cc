#include "millrace/formats/fixed/errors.h"
#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats::fixed {
namespace {

using Case = TextCase;

Result<TextOutcome> Read(Case c) {
  if (c.name.empty()) c.name = "t.fwf";
  return ReadCase(*MakeFixedFormat(), c);
}

// Whatever a stream gives at a time, the lines of the footer are held back until it is
// known that nothing follows them.
TEST(Fixed, FootersOfStreams) {
  const std::string text = "id name\n 1 ann\n\n 2 bob\n 3 eve\nTOTAL 3\nend";
  const Table expected{{"1", "ann"}, {"2", "bob"}, {"3", "eve"}};
  for (const std::string end : {"", "\n"}) {
    for (const int64_t piece : {0, 1, 2, 7, 1000}) {
      ASSERT_OK_AND_ASSIGN(
          TextOutcome out,
          Read({.text = text + end,
                .options = {{"widths", "3,5"}, {"header", "true"}, {"skip_footer", "2"}},
                .stream_piece = piece}));
      EXPECT_EQ(out.rows, expected) << piece;
      EXPECT_EQ(out.schema->field(0)->type()->id(), arrow::Type::INT64);
    }
  }
}

TEST(Fixed, RecordsWithoutLineEndsInPieces) {
  // Five characters each, of one to four bytes.
  const std::string text = " 1abc 2äöü 3日本語 4😀é \n";
  const Table expected{{"1", "abc"}, {"2", "äöü"}, {"3", "日本語"}, {"4", "😀é"}};
  for (const int64_t piece : {0, 1, 3, 1000}) {
    for (const int64_t rows : {int64_t{1}, int64_t{100}}) {
      ASSERT_OK_AND_ASSIGN(
          TextOutcome out,
          Read({.text = text,
                .options = {{"fields", "i:1-2, s:3-5"}, {"record_length", "5"}},
                .budget = {.rows = rows},
                .range_bytes = 4,
                .stream_piece = piece}));
      EXPECT_EQ(out.rows, expected) << piece;
    }
  }
}

TEST(Fixed, GoesOnAtEveryPosition) {
  const std::string text = "1 a\n\n2 é\n3 c\r\n4 d";
  const auto format = MakeFixedFormat();
  const Case one{.text = text,
                 .options = {{"widths", "2,1"}, {"names", "i,s"}},
                 .budget = {.rows = 1},
                 .name = "t.fwf"};
  ASSERT_OK_AND_ASSIGN(const TextOutcome whole, Read(one));
  ASSERT_EQ(whole.rows, (Table{{"1", "a"}, {"2", "é"}, {"3", "c"}, {"4", "d"}}));
  EXPECT_EQ(whole.bytes_read, static_cast<int64_t>(text.size()));
  ASSERT_EQ(whole.positions.size(), 4u);
  for (size_t i = 0; i < whole.positions.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(auto file, OpenCase(*format, one));
    ASSERT_OK(file->Ranges(int64_t{1} << 40).status());
    ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, TestContext()));
    ASSERT_OK(reader->Seek(whole.positions[i]));
    TextOutcome rest;
    ASSERT_OK(Drain(*reader, {}, &rest));
    const auto from = whole.rows.begin() + static_cast<ptrdiff_t>(i) + 1;
    EXPECT_EQ(rest.rows, Table(from, whole.rows.end()));
  }
}

// Rows of bad values are taken out, the others stay what they are.
TEST(Fixed, BadValuesAreSetAside) {
  ASSERT_OK_AND_ASSIGN(
      TextOutcome out,
      Read({.text = "1 a\nx b\n3 \xff\n4 d\n",
            .options = {{"widths", "2,1"}, {"names", "i,s"}},
            .declared = arrow::schema(
                {arrow::field("i", arrow::int32()), arrow::field("s", arrow::utf8())}),
            .bad_rows = data::BadRowPolicy::kDeadLetter}));
  EXPECT_EQ(out.rows, (Table{{"1", "a"}, {"4", "d"}}));
  ASSERT_EQ(out.dead_letters.size(), 2u);
  EXPECT_EQ(out.dead_letters[0].raw, "x b");
  EXPECT_EQ(out.dead_letters[0].where.row, 2);
  EXPECT_EQ(out.dead_letters[1].where.row, 3);
}

}  // namespace
}  // namespace millrace::formats::fixed
