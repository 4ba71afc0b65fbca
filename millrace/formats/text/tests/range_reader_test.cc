#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats {
namespace {

// What each range says it has read adds up to the file, whatever stands at the borders.
TEST(TextRanges, BytesReadAddUpToTheFile) {
  std::string csv = "\xEF\xBB\xBFid,text\n", json;
  for (int i = 0; i < 300; ++i) {
    const std::string filler(static_cast<size_t>(i * 7919 % 97), 'x');
    csv += fmt::format("{},\"{}\n{}\"\n", i, filler, filler);
    json += fmt::format("{{\"id\":{},\"text\":\"{}\"}}\n{}", i, filler,
                        i % 5 == 0 ? "\n \n" : "");
  }
  struct {
    std::unique_ptr<Format> format;
    std::string text;
  } files[] = {{MakeCsvFormat(), csv}, {MakeJsonFormat(), json}};
  for (const auto& [format, whole] : files) {
    for (const size_t cut : {size_t{0}, size_t{1}}) {
      // With and without the last line's end.
      const std::string text = whole.substr(0, whole.size() - cut);
      for (const int64_t range : {1, 7, 100, 1000, 4096, 1 << 20}) {
        for (const Budget budget : {Budget(), Budget{.rows = 3, .bytes = 300}}) {
          ASSERT_OK_AND_ASSIGN(
              const TextOutcome out,
              ReadCase(*format, {.text = text, .budget = budget, .range_bytes = range}));
          EXPECT_EQ(out.rows.size(), 300u);
          EXPECT_EQ(out.bytes_read, static_cast<int64_t>(text.size()))
              << format->name() << " in ranges of " << range;
        }
      }
      ASSERT_OK_AND_ASSIGN(const TextOutcome out,
                           ReadCase(*format, {.text = text, .stream_piece = 1000}));
      EXPECT_EQ(out.bytes_read, static_cast<int64_t>(text.size())) << "a stream";
    }
  }
}

// A range tells no more than its own records.
TEST(TextRanges, BytesReadOfARangeAreItsRecords) {
  const std::string line = "{\"a\":\"0123456789\"}\n";  // 19 bytes
  std::string text;
  for (int i = 0; i < 1000; ++i) text += line;
  ASSERT_OK_AND_ASSIGN(const TextOutcome out,
                       ReadCase(*MakeJsonFormat(), {.text = text, .range_bytes = 9500}));
  EXPECT_EQ(out.bytes_of_range, (std::vector<int64_t>{9500, 9500}));
  ASSERT_OK_AND_ASSIGN(const TextOutcome off,
                       ReadCase(*MakeJsonFormat(), {.text = text, .range_bytes = 9501}));
  // The record that begins at 9,500 belongs to the first.
  EXPECT_EQ(off.bytes_of_range, (std::vector<int64_t>{9519, 9481}));
}

}  // namespace
}  // namespace millrace::formats
