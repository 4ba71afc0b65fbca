// Random tables with hostile content, written by a simple writer of the test's own and
// read under every way of cutting the input.
#include <random>

#include "millrace/formats/csv/tests/csv_testing.h"

namespace millrace::formats::csv {
namespace {

struct Style {
  char delimiter = ',';
  char quote = '"';
  std::string line_end = "\n";
  bool last_line_end = true;
};

std::string WriteSimply(const Table& rows, const Style& style, std::mt19937* random) {
  std::string out;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      if (c > 0) out += style.delimiter;
      const Cell& cell = rows[r][c];
      if (!cell) continue;
      const bool special =
          cell->empty() || cell->find_first_of(std::string("\r\n") + style.delimiter +
                                               style.quote) != std::string::npos;
      if (!special && (*random)() % 4 != 0) {
        out += *cell;
        continue;
      }
      out += style.quote;
      for (char byte : *cell) {
        if (byte == style.quote) out += byte;
        out += byte;
      }
      out += style.quote;
    }
    if (r + 1 < rows.size() || style.last_line_end) out += style.line_end;
  }
  return out;
}

std::string RandomText(std::mt19937* random) {
  static const std::vector<std::string> kPieces = {
      "a",  "bc", "\"",   "\"\"", ",", ";",  "\n", "\r\n", "\r",
      "'",  "é",  "日本", "🙂", " ", "x1", "1",  "-",    std::string(70, 'q'),
      "\t", "\\"};
  std::string out;
  for (unsigned n = (*random)() % 6; n > 0; --n)
    out += kPieces[(*random)() % kPieces.size()];
  return out;
}

TEST(CsvProperty, EveryWayOfCuttingGivesTheSameRows) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const size_t width = 1 + random() % 5;
    Style style;
    style.delimiter = round % 3 == 1 ? ';' : ',';
    style.quote = round % 5 == 2 ? '\'' : '"';
    // A lone '\r' as line end leaves '\n' to data, and the other way round.
    style.line_end = round % 4 == 0 ? "\r\n" : round % 4 == 3 ? "\r" : "\n";
    style.last_line_end = round % 2 == 0;
    Table rows(1 + random() % 40);
    for (auto& row : rows) {
      for (size_t c = 0; c < width; ++c) {
        if (random() % 6 == 0) {
          row.push_back(std::nullopt);
        } else {
          row.push_back(RandomText(&random));
        }
      }
      // The simple writer can't write a last record of one NULL without its line end.
      if (width == 1 && !row[0]) row[0] = "z";
    }
    Table with_header = rows;
    with_header.insert(with_header.begin(), std::vector<Cell>());
    for (size_t c = 0; c < width; ++c) with_header[0].push_back(fmt::format("name{}", c));
    Case c{.text = WriteSimply(with_header, style, &random),
           .options = {{"delimiter", std::string(1, style.delimiter)},
                       {"quote", std::string(1, style.quote)},
                       {"header", "true"},
                       {"all_varchar", "true"}}};
    SCOPED_TRACE(c.text);
    for (const int64_t budget_rows : {1, 7, 4096}) {
      for (const int64_t budget_bytes : {1, 300, 1 << 20}) {
        c.budget = {.rows = budget_rows, .bytes = budget_bytes};
        c.stream_piece = 0;
        for (const int64_t range : {1, 2, 3, 7, 13, 31, 64, 1 << 20}) {
          if (budget_rows != 7 && range < 13) continue;
          c.range_bytes = range;
          ASSERT_OK_AND_ASSIGN(Outcome out, Read(c));
          ASSERT_EQ(out.rows, rows) << budget_rows << " " << budget_bytes << " " << range;
        }
        c.stream_piece = 17;
        ASSERT_OK_AND_ASSIGN(Outcome streamed, Read(c));
        ASSERT_EQ(streamed.rows, rows);
      }
    }
  }
}

}  // namespace
}  // namespace millrace::formats::csv
