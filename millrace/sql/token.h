// Tokens of the SQL text, and places in it.
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/error.h"

namespace millrace::sql {

/// A place in the text of a script. Lines and columns count from 1; a column is one
/// Unicode code point.
struct Location {
  int32_t line = 0;
  int32_t column = 0;

  /// For ErrorSpec::Make.
  Where ToWhere() const { return Where{.line = line, .column_number = column}; }
};

enum class TokenKind {
  kEnd,
  kWord,        ///< identifier or keyword, unquoted
  kQuotedWord,  ///< "…" or `…`
  kString,      ///< '…' or E'…'
  kBytes,       ///< X'…', text is the hexadecimal digits
  kInteger,
  kDecimal,   ///< digits with a point
  kFloat,     ///< with an exponent
  kDuration,  ///< 5m, 1h30m
  kSymbol,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;     ///< decoded: quotes and escapes are gone
  std::string keyword;  ///< kWord: upper case; empty for the other kinds
  Location where;
  bool spaced = false;  ///< white space or a comment stands before it
};

/// `-- @name: value` in front of a statement.
struct Annotation {
  std::string name;
  std::string value;
  Location where;
  size_t token = 0;  ///< index of the token that follows it
};

}  // namespace millrace::sql
