// Tokens, names, durations and properties: what all productions share.
#include "millrace/sql/parser.h"

#include <charconv>

#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

namespace {

std::string Describe(const Token& token) {
  constexpr size_t kLongest = 40;
  std::string text = token.text.substr(0, kLongest);
  if (token.text.size() > kLongest) text += "…";
  switch (token.kind) {
    case TokenKind::kEnd: return "the end of the text";
    case TokenKind::kString: return "'" + text + "'";
    case TokenKind::kQuotedWord: return "\"" + text + "\"";
    case TokenKind::kBytes: return "X'" + text + "'";
    default: return text;
  }
}

// A keyword that `token` may be a misspelling of; empty when it is a keyword itself.
std::string NearestKeyword(const Token& token) {
  if (token.kind != TokenKind::kWord || token.keyword.size() < 3) return "";
  std::vector<std::string> candidates;
  for (std::string_view word : AllKeywords()) {
    if (word == token.keyword) return "";
    // Two changed letters in a word of four make another word.
    if (word.size() >= 4) candidates.emplace_back(word);
  }
  return NearestName(token.text, candidates);
}

}  // namespace

Parser::Parser(TokenStream stream) : stream_(std::move(stream)) {
  const size_t last = stream_.tokens.size() - 1;
  closing_.assign(stream_.tokens.size(), last);
  std::vector<size_t> open;
  for (size_t i = 0; i < last; ++i) {
    const Token& token = stream_.tokens[i];
    if (token.kind != TokenKind::kSymbol) continue;
    if (token.text == "(") open.push_back(i);
    if (token.text == ")" && !open.empty()) {
      closing_[open.back()] = i;
      open.pop_back();
    }
  }
}

const Token& Parser::Peek(size_t ahead) const {
  const size_t last = stream_.tokens.size() - 1;
  return stream_.tokens[std::min(at_ + ahead, last)];
}

bool Parser::AtSymbol(std::string_view symbol, size_t ahead) const {
  const Token& token = Peek(ahead);
  return token.kind == TokenKind::kSymbol && token.text == symbol;
}

bool Parser::AtWord(std::string_view keyword, size_t ahead) const {
  return Peek(ahead).keyword == keyword;
}

bool Parser::AtWords(std::initializer_list<std::string_view> keywords) const {
  size_t ahead = 0;
  for (std::string_view keyword : keywords) {
    if (!AtWord(keyword, ahead++)) return false;
  }
  return true;
}

bool Parser::AtName(size_t ahead) const {
  const TokenKind kind = Peek(ahead).kind;
  return kind == TokenKind::kWord || kind == TokenKind::kQuotedWord;
}

bool Parser::AtDuration() const {
  const Token& token = Peek();
  if (token.kind == TokenKind::kDuration || token.kind == TokenKind::kString) return true;
  if (AtSymbol("-")) return Peek(1).kind == TokenKind::kDuration;
  if (token.kind == TokenKind::kInteger) return IsIntervalUnit(Peek(1).keyword);
  // A column may be called interval.
  return AtWord("INTERVAL") && (Peek(1).kind == TokenKind::kString ||
                                Peek(1).kind == TokenKind::kInteger || AtSymbol("-", 1));
}

bool Parser::TakeSymbol(std::string_view symbol) {
  if (!AtSymbol(symbol)) return false;
  Advance();
  return true;
}

bool Parser::TakeWord(std::string_view keyword) {
  if (!AtWord(keyword)) return false;
  Advance();
  return true;
}

bool Parser::TakeWords(std::initializer_list<std::string_view> keywords) {
  if (!AtWords(keywords)) return false;
  at_ += keywords.size();
  return true;
}

Status Parser::ExpectSymbol(std::string_view symbol) {
  return TakeSymbol(symbol) ? Status::OK() : Unexpected(symbol);
}

Status Parser::ExpectWord(std::string_view keyword) {
  return TakeWord(keyword) ? Status::OK() : Unexpected(keyword);
}

Status Parser::ExpectWords(std::initializer_list<std::string_view> keywords) {
  for (std::string_view keyword : keywords) ARROW_RETURN_NOT_OK(ExpectWord(keyword));
  return Status::OK();
}

Status Parser::Unexpected(std::string_view expected) const {
  const Token& token = Peek();
  std::string hint;
  if (const std::string word = NearestKeyword(token); !word.empty()) {
    hint = fmt::format("; did you mean {}?", word);
  } else if (at_ > 0) {
    // A misspelt keyword is often taken for an alias; the error then shows at the next
    // word.
    const std::string before = NearestKeyword(Previous());
    if (!before.empty()) {
      hint = fmt::format("; did you mean {} instead of {}?", before, Previous().text);
    }
  }
  return errors::kSqlSyntax.Make(token.where.ToWhere(), "found {}, expected {}{}",
                                 Describe(token), expected, hint);
}

Status Parser::TooDeep() const {
  return errors::kSqlTooDeep.Make(Here().ToWhere(), "more than {} levels", kMaxNesting);
}

Status Parser::CheckNesting() const {
  return nesting_ > kMaxNesting ? TooDeep() : Status::OK();
}

Status Parser::Duplicate(std::string_view clause) const {
  return errors::kSqlDuplicateClause.Make(Here().ToWhere(), "{}", clause);
}

Result<Identifier> Parser::ParseIdentifier(std::string_view what) {
  const Token& token = Peek();
  if (token.kind == TokenKind::kQuotedWord ||
      (token.kind == TokenKind::kWord && !IsReserved(token.keyword))) {
    Identifier out{token.text, token.kind == TokenKind::kQuotedWord, token.where};
    Advance();
    return out;
  }
  if (token.kind == TokenKind::kWord) {
    return Unexpected(fmt::format("{} (put a keyword in double quotes)", what));
  }
  return Unexpected(what);
}

Result<std::vector<Identifier>> Parser::ParseIdentifierList(std::string_view what) {
  std::vector<Identifier> out;
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  do {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier(what));
    out.push_back(std::move(name));
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return out;
}

Result<Path> Parser::ParsePath(std::string_view what) {
  Path path;
  do {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier(what));
    path.push_back(std::move(name));
  } while (TakeSymbol("."));
  return path;
}

Result<std::optional<Identifier>> Parser::ParseAlias() {
  if (TakeWord("AS")) {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("an alias"));
    return name;
  }
  const Token& token = Peek();
  if (token.kind == TokenKind::kQuotedWord ||
      (token.kind == TokenKind::kWord && !IsReservedAsAlias(token.keyword))) {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("an alias"));
    return name;
  }
  return std::nullopt;
}

Result<Duration> Parser::ParseDuration() {
  const Location where = Here();
  if (!AtDuration()) {
    return Unexpected("a duration such as 5m or INTERVAL '5' MINUTE");
  }
  if (TakeWord("INTERVAL")) {
    ARROW_ASSIGN_OR_RAISE(Interval value, ParseIntervalAfterKeyword());
    return Duration{value, where};
  }
  if (Peek().kind == TokenKind::kInteger) {
    ARROW_ASSIGN_OR_RAISE(Interval value, ParseIntervalAfterKeyword());
    return Duration{value, where};
  }
  const std::string sign = TakeSymbol("-") ? "-" : "";
  const std::optional<Interval> value = ParseInterval(sign + Peek().text);
  if (!value) {
    return errors::kSqlBadLiteral.Make(where.ToWhere(), "{} is not a duration",
                                       Describe(Peek()));
  }
  Advance();
  return Duration{*value, where};
}

// '5' MINUTE, '1:30' MINUTE TO SECOND, '5 minutes', 5 MINUTE.
Result<Interval> Parser::ParseIntervalAfterKeyword() {
  const Location where = Here();
  std::string text = TakeSymbol("-") ? "-" : "";
  if (Peek().kind != TokenKind::kString && Peek().kind != TokenKind::kInteger) {
    return Unexpected("an interval such as '5' MINUTE");
  }
  const bool number = Peek().kind == TokenKind::kInteger;
  text += Peek().text;
  Advance();
  std::optional<Interval> value;
  if (IsIntervalUnit(Peek().keyword)) {
    const std::string unit = Peek().keyword;
    Advance();
    std::string to;
    if (AtWord("TO") && IsIntervalUnit(Peek(1).keyword)) {
      to = Peek(1).keyword;
      at_ += 2;
    }
    value = ParseInterval(text, unit, to);
  } else if (number) {
    return Unexpected("a unit such as MINUTE");
  } else {
    value = ParseInterval(text);
  }
  if (!value) {
    return errors::kSqlBadLiteral.Make(
        where.ToWhere(),
        "'{}' is not an interval, or too long a one; write "
        "INTERVAL '5' MINUTE or INTERVAL '1 hour 30 minutes'",
        text);
  }
  return *value;
}

Result<int64_t> Parser::ParseInteger(std::string_view what) {
  const Token& token = Peek();
  if (token.kind != TokenKind::kInteger) return Unexpected(what);
  int64_t value = 0;
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
    return errors::kSqlBadLiteral.Make(token.where.ToWhere(), "{} is too large",
                                       Describe(token));
  }
  Advance();
  return value;
}

Result<std::string> Parser::ParseStringToken(std::string_view what) {
  if (Peek().kind != TokenKind::kString) return Unexpected(what);
  std::string text = Peek().text;
  Advance();
  return text;
}

Result<std::vector<Property>> Parser::ParseProperties() {
  std::vector<Property> out;
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  if (TakeSymbol(")")) return out;
  do {
    if (AtSymbol(")")) break;  // a comma may follow the last one
    const Location where = Here();
    ARROW_ASSIGN_OR_RAISE(std::string key, ParsePropertyKey());
    for (const Property& known : out) {
      if (known.key == key) {
        return errors::kSqlDuplicateClause.Make(where.ToWhere(), "property {}", key);
      }
    }
    ARROW_RETURN_NOT_OK(ExpectSymbol("="));
    ARROW_ASSIGN_OR_RAISE(std::string value, ParsePropertyValue());
    out.push_back({std::move(key), std::move(value), where});
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return out;
}

Result<std::string> Parser::ParsePropertyKey() {
  if (Peek().kind == TokenKind::kString) return ParseStringToken("a property");
  std::string key;
  do {
    if (!AtName()) return Unexpected("the name of a property");
    key += key.empty() ? Peek().text : "." + Peek().text;
    Advance();
  } while (TakeSymbol("."));
  return key;
}

Result<std::string> Parser::ParsePropertyValue() {
  std::string text = TakeSymbol("-") ? "-" : "";
  switch (Peek().kind) {
    case TokenKind::kInteger:
    case TokenKind::kDecimal:
    case TokenKind::kFloat:
    case TokenKind::kDuration: text += Peek().text; break;
    case TokenKind::kString:
    case TokenKind::kWord:
    case TokenKind::kQuotedWord:
      if (!text.empty()) return Unexpected("a number");
      text = Peek().text;
      break;
    default: return Unexpected("a value: 'text', a number, TRUE or FALSE");
  }
  Advance();
  return text;
}

Result<Script> Parse(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  return Parser(std::move(stream)).ParseScript();
}

Result<StatementPtr> ParseStatement(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  return Parser(std::move(stream)).ParseOnlyStatement();
}

Result<ExpressionPtr> ParseExpression(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  return Parser(std::move(stream)).ParseOnlyExpression();
}

Result<std::vector<SelectItem>> ParseItems(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  return Parser(std::move(stream)).ParseOnlyItems();
}

Result<std::shared_ptr<arrow::Schema>> ParseColumns(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  return Parser(std::move(stream)).ParseOnlyColumns();
}

Result<std::shared_ptr<arrow::DataType>> ParseType(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(TokenStream stream, Tokenize(text));
  ARROW_ASSIGN_OR_RAISE(TypeName name, Parser(std::move(stream)).ParseOnlyType());
  return name.type;
}

}  // namespace millrace::sql
