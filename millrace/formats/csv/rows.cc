#include "millrace/formats/csv/rows.h"

namespace millrace::formats::csv {

char* Unescape(Field field, bool quoted, const Dialect& dialect, char* out) {
  const char* p = field.begin;
  while (p < field.end) {
    const unsigned char c = static_cast<unsigned char>(*p);
    if (c == dialect.escape && p + 1 < field.end) {
      ++p;
    } else if (quoted && c == dialect.quote && p + 1 < field.end &&
               static_cast<unsigned char>(p[1]) == dialect.quote) {
      ++p;
    }
    *out++ = *p++;
  }
  return out;
}

bool QuotesAreValid(Field field, const Dialect& dialect) {
  if (dialect.quote < 0) return true;
  if (dialect.trim) field = Trimmed(field);
  const bool quoted = IsQuoted(field, dialect);
  const char* p = quoted ? field.begin + 1 : field.begin;
  for (; p < field.end; ++p) {
    const unsigned char c = static_cast<unsigned char>(*p);
    if (c == dialect.escape) {
      ++p;
    } else if (c == dialect.quote) {
      if (!quoted) return false;
      if (p + 1 == field.end) return true;
      if (static_cast<unsigned char>(*++p) != dialect.quote) return false;
    }
  }
  return !quoted;
}

}  // namespace millrace::formats::csv
