// JsonCells: the values of one column, as the parsers of all text formats want them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/formats/json/tokens.h"
#include "millrace/formats/text/column.h"

namespace millrace::formats::json {

/// What is said of the value at `token` when it is none of the type's.
BadValue MakeBadValue(const Tokens& tokens, int64_t row, uint32_t token,
                      const arrow::DataType& type);

/// The tokens of a column's values, `stride` apart; 0 where the field is missing, which
/// is NULL. See text/value_column.h and text/string_column.h for what the members mean.
struct JsonCells {
  const Tokens& tokens;
  const uint32_t* first = nullptr;
  size_t stride = 1;
  int64_t count = 0;
  bool declared = false;  ///< the user named the type: "12.5" in quotes may be a number

  uint32_t operator[](int64_t row) const {
    return first[row * static_cast<int64_t>(stride)];
  }

  bool plain(bool) const { return true; }

  template <CellKind kKind, class Put>
  [[gnu::always_inline]] void ForEachPlain(int64_t from, int64_t n, Put&& put) const {
    const uint32_t* at = first + from * static_cast<int64_t>(stride);
    for (int64_t i = 0; i < n; ++i, at += stride) {
      const uint32_t token = *at;
      const char* b = tokens.data + tokens.at[token];
      const char* e = tokens.data + tokens.at[token + 1];
      while (Tokens::IsSpace(e[-1])) [[unlikely]]-- e;
      bool plain = token != 0;
      if constexpr (kKind == CellKind::kTime) {
        plain &= *b == '"' && e - b > 2;
        ++b;
        --e;
      } else if constexpr (kKind == CellKind::kWord) {
        plain &= *b != '"';
      } else {
        plain &= BeginsWell(b) & (e[-1] != '.');
      }
      put(i, b, plain ? e : b);
    }
  }

  template <CellKind kKind>
  Found Find(int64_t row, std::string* scratch, const char** b, const char** e) const {
    const bool quoted = kKind == CellKind::kTime || kKind == CellKind::kExact || declared;
    return FindValue(row, kKind, quoted, scratch, b, e);
  }

  BadValue Bad(int64_t row, const arrow::DataType& type) const {
    return MakeBadValue(tokens, row, (*this)[row], type);
  }

  // A string's content is never longer than the string.
  int64_t TextBytes() const;

  template <bool kBinary, class Text, class Null>
  [[gnu::always_inline]] void ForEachText(const arrow::DataType& type,
                                          std::vector<BadValue>* bad, Text&& text,
                                          Null&& null) const {
    std::string scratch;
    const bool simple = !kBinary && !tokens.escapes;
    for (int64_t row = 0; row < count; ++row) {
      const uint32_t token = (*this)[row];
      std::string_view found;
      if (simple && token != 0 && tokens.kind(token) == '"') [[likely]] {
        found = Tokens::Inside(tokens.TextOf(token));
      } else if (!FindText(row, kBinary, type, &scratch, &found, bad)) {
        null(row);
        continue;
      }
      text(row, found.data(), found.size());
    }
  }

 private:
  // No plus, no zeros in front: what the parsers of numbers would let pass.
  [[gnu::always_inline]] static bool BeginsWell(const char* b) {
    b += *b == '-';
    const bool digit = static_cast<unsigned char>(*b - '0') <= 9;
    const bool second = static_cast<unsigned char>(b[1] - '0') <= 9;
    return digit & !((*b == '0') & second);
  }

  Found FindValue(int64_t row, CellKind kind, bool quoted, std::string* scratch,
                  const char** b, const char** e) const;
  // False for NULL and bad values.
  bool FindText(int64_t row, bool binary, const arrow::DataType& type,
                std::string* scratch, std::string_view* out,
                std::vector<BadValue>* bad) const;
  BadValue BadEscape(int64_t row) const;
};

}  // namespace millrace::formats::json
