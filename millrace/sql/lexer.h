// Lexer: SQL text → tokens. Knows no keywords: every unquoted word is a kWord.
#pragma once

#include <string_view>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/sql/token.h"

namespace millrace::sql {

struct TokenStream {
  std::vector<Token> tokens;  ///< the last one is kEnd
  std::vector<Annotation> annotations;
};

/// Fails with errors::kSqlUnterminated, kSqlBadCharacter or kSqlBadLiteral.
Result<TokenStream> Tokenize(std::string_view text);

}  // namespace millrace::sql
