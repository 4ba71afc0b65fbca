// CsvCells: the fields of one column, as the parsers of all text formats want them.
#pragma once

#include <simdjson.h>

#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/rows.h"
#include "millrace/formats/text/column.h"
#include "millrace/formats/text/string_column.h"

namespace millrace::formats::csv {

/// See text/value_column.h and text/string_column.h for what the members mean.
struct CsvCells {
  CsvCells(const Rows& rows, const Dialect& dialect, int column)
      : rows(rows), dialect(dialect), column(column), count(rows.count) {}

  const Rows& rows;
  const Dialect& dialect;
  int column;
  int64_t count;

  bool plain(bool in_digits) const {
    return in_digits ? dialect.plain_digits() : dialect.plain_fields();
  }

  template <CellKind, class Put>
  [[gnu::always_inline]] void ForEachPlain(int64_t from, int64_t n, Put&& put) const {
    const int quote = dialect.quote;
    ForEachField(
        rows, dialect, column, from,
        n, [&](int64_t i, Field field) __attribute__((always_inline)) {
          // Quotes come in pairs here: a field that begins with one ends so.
          const int quoted = static_cast<unsigned char>(*field.begin) == quote;
          put(i, field.begin + quoted, field.end - quoted);
        });
  }

  // Down to the text of the value: blanks, NULL spellings, quotes, escapes.
  template <CellKind>
  Found Find(int64_t row, std::string* scratch, const char** b, const char** e) const {
    return FindValue(row, scratch, b, e);
  }
  Found FindValue(int64_t row, std::string* scratch, const char** b,
                  const char** e) const;

  BadValue Bad(int64_t row, const arrow::DataType& type) const;

  // A field's content is never longer than the field.
  int64_t TextBytes() const {
    int64_t bytes = 0;
    ForEachField(
        rows, dialect, column, 0,
        count, [&](int64_t, Field field) __attribute__((always_inline)) {
          bytes += std::max<int64_t>(field.end - field.begin, 0);
        });
    return bytes;
  }

  template <bool kBinary, class Store, class Null>
  [[gnu::always_inline]] void ForEachText(const arrow::DataType&,
                                          std::vector<BadValue>* bad, Store&& store,
                                          Null&& null) const {
    if (!kBinary && dialect.plain_fields() && dialect.empty_is_null &&
        !dialect.quoted_empty_is_null && !rows.unescape && !rows.check_utf8) {
      const int quote = dialect.quote;
      ForEachField(
          rows, dialect, column, 0,
          count, [&](int64_t row, Field field) __attribute__((always_inline)) {
            if (field.end <= field.begin) [[unlikely]] {
              null(row);
              return;
            }
            const int quoted = static_cast<unsigned char>(*field.begin) == quote;
            store(row, field.begin + quoted,
                  field.size() - 2 * static_cast<size_t>(quoted));
          });
      return;
    }
    std::string scratch;
    ForEachField(rows, dialect, column, 0, count, [&](int64_t row, Field field) {
      std::string_view text;
      if (FindText(row, field, kBinary, &scratch, &text, bad)) {
        store(row, text.data(), text.size());
      } else {
        null(row);
      }
    });
  }

 private:
  // False for NULL and bad values.
  bool FindText(int64_t row, Field field, bool binary, std::string* scratch,
                std::string_view* out, std::vector<BadValue>* bad) const;
};

/// The same with numbers in the file's NumberForm, made plain on their way to the
/// parsers.
struct LocalCells : CsvCells {
  explicit LocalCells(const CsvCells& cells) : CsvCells(cells) {}

  template <CellKind kKind, class Put>
  void ForEachPlain(int64_t from, int64_t n, Put&& put) const {
    if constexpr (kKind != CellKind::kNumber && kKind != CellKind::kExact) {
      CsvCells::ForEachPlain<kKind>(from, n, put);
    } else {
      // What is no number or a long one comes empty and is looked at on its own.
      constexpr int64_t kShort = 64;
      char number[kPadding + kShort + kPadding] = {};
      char* const begin = number + kPadding;
      CsvCells::ForEachPlain<kKind>(
          from, n, [&](int64_t i, const char* b, const char* e) {
            const bool is_short = e > b && e - b <= kShort;
            char* end = is_short ? PlainNumber(dialect.numbers, b, e, begin) : nullptr;
            if (end == nullptr) *(end = begin) = '\0';
            put(i, begin, end);
          });
    }
  }

  template <CellKind>
  Found Find(int64_t row, std::string* scratch, const char** b, const char** e) const;
};

}  // namespace millrace::formats::csv
