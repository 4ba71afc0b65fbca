// Rows: complete records as the structural index describes them, ready to be parsed
// column by column.
#pragma once

#include <cstdint>
#include <cstring>

#include "millrace/formats/csv/dialect.h"

namespace millrace::formats::csv {

/// `count` records of `width` fields. Field c of row i lies between the offsets
/// ends[i * stride + c - 1] + 1 and ends[i * stride + c], which wrap at 2^32; it is
/// missing (NULL whatever the spellings) when it would end before it begins. Packed rows
/// have stride == width: the end of the row before serves as ends[-1]. Rows that were
/// picked one by one carry that slot themselves and have stride == width + 1.
///
/// kPadding bytes around the data may be read. Valid until the reader reads on.
struct Rows {
  const uint8_t* data = nullptr;
  const uint32_t* ends = nullptr;
  size_t stride = 0;
  int64_t count = 0;
  int width = 0;
  bool unescape = false;    ///< doubled quotes or escapes occur
  bool check_utf8 = false;  ///< some field may hold invalid UTF-8

  uint32_t begin_of(int64_t row) const {
    return ends[row * static_cast<int64_t>(stride) - 1] + 1;
  }
  uint32_t end_of(int64_t row) const {
    return ends[row * static_cast<int64_t>(stride) + width - 1];
  }
};

/// Bytes of one field. end < begin: missing.
struct Field {
  const char* begin;
  const char* end;
  size_t size() const { return static_cast<size_t>(end - begin); }
  std::string_view view() const { return {begin, size()}; }
};

/// Field `column` of row `row`, the '\r' of a CRLF line end taken off.
inline Field FieldAt(const Rows& rows, const Dialect& dialect, int64_t row, int column) {
  const uint32_t* at = rows.ends + row * static_cast<int64_t>(rows.stride) + column;
  const char* data = reinterpret_cast<const char*>(rows.data);
  Field field{data + static_cast<uint32_t>(at[-1] + 1), data + at[0]};
  if (column == rows.width - 1 && dialect.newline == '\n' && field.end > field.begin &&
      field.end[-1] == '\r') {
    --field.end;
  }
  return field;
}

/// Call body(i, field) for the rows from + i of a column, 0 <= i < n.
template <bool kLast, class Body>
[[gnu::always_inline]] inline void ForEachFieldOf(const Rows& rows, int column,
                                                  int64_t from, int64_t n, Body&& body) {
  const size_t stride = rows.stride;
  const uint32_t* at = rows.ends + column + from * static_cast<int64_t>(stride);
  const char* data = reinterpret_cast<const char*>(rows.data);
  for (int64_t i = 0; i < n; ++i, at += stride) {
    Field field{data + static_cast<uint32_t>(at[-1] + 1), data + at[0]};
    if constexpr (kLast) {
      field.end -= (field.end > field.begin) & (field.end[-1] == '\r');
    }
    body(i, field);
  }
}

template <class Body>
[[gnu::always_inline]] inline void ForEachField(const Rows& rows, const Dialect& dialect,
                                                int column, int64_t from, int64_t n,
                                                Body&& body) {
  if (n == 0) return;  // ends may be null
  if (column == rows.width - 1 && dialect.newline == '\n') {
    ForEachFieldOf<true>(rows, column, from, n, body);
  } else {
    ForEachFieldOf<false>(rows, column, from, n, body);
  }
}

/// Is the record in [begin, end) none: a comment, or a blank line where records have more
/// than one field?
inline bool IsSkipped(const uint8_t* data, uint32_t begin, uint32_t end,
                      const Dialect& dialect, int width) {
  if (dialect.comment >= 0 && begin < end && data[begin] == dialect.comment) return true;
  return width > 1 && (begin == end || (end - begin == 1 && data[begin] == '\r' &&
                                        dialect.newline == '\n'));
}

inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

inline Field Trimmed(Field field) {
  while (field.begin < field.end && IsBlank(*field.begin)) ++field.begin;
  while (field.begin < field.end && IsBlank(field.end[-1])) --field.end;
  return field;
}

inline bool IsQuoted(Field field, const Dialect& dialect) {
  return dialect.quote >= 0 && field.begin < field.end &&
         static_cast<unsigned char>(*field.begin) == dialect.quote;
}

/// The content of a field, before escapes are resolved.
struct Text {
  Field field;
  bool null;
  bool quoted;
};

inline Text ContentOf(Field field, const Dialect& dialect) {
  if (field.end < field.begin) return {{field.begin, field.begin}, true, false};
  if (dialect.trim) field = Trimmed(field);
  if (field.begin == field.end) return {field, dialect.empty_is_null, false};
  if (IsQuoted(field, dialect) && field.size() >= 2) {
    ++field.begin;
    --field.end;
    return {field, field.begin == field.end && dialect.quoted_empty_is_null, true};
  }
  return {field, !dialect.nulls.empty() && dialect.IsNullSpelling(field.view()), false};
}

/// Copy the content of a field (quotes around it already taken off), resolving escapes
/// and, where `quoted`, doubled quotes. Answers the end of what was written, at most
/// field.size() bytes.
char* Unescape(Field field, bool quoted, const Dialect& dialect, char* out);

/// Are the quotes of this field in places where CSV allows them?
bool QuotesAreValid(Field field, const Dialect& dialect);

}  // namespace millrace::formats::csv
