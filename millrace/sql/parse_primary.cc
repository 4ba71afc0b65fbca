// Productions without operators: literals, names, CASE, CAST, parentheses, collections.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<ExpressionPtr> Parser::ParseLiteral(Literal::Kind kind) {
  const Location where = Here();
  Literal literal{kind, Peek().text, {}};
  Advance();
  return Make(where, std::move(literal));
}

Result<ExpressionPtr> Parser::ParsePrimary() {
  switch (Peek().kind) {
    case TokenKind::kInteger: return ParseLiteral(Literal::Kind::kInteger);
    case TokenKind::kDecimal: return ParseLiteral(Literal::Kind::kDecimal);
    case TokenKind::kFloat: return ParseLiteral(Literal::Kind::kFloat);
    case TokenKind::kString: return ParseLiteral(Literal::Kind::kString);
    case TokenKind::kBytes: return ParseLiteral(Literal::Kind::kBytes);
    case TokenKind::kDuration: {
      const Location where = Here();
      ARROW_ASSIGN_OR_RAISE(Duration duration, ParseDuration());
      return Make(where, Literal{Literal::Kind::kInterval, "", duration.value});
    }
    case TokenKind::kQuotedWord: return ParseNameOrStar();
    case TokenKind::kWord: return ParseWordPrimary();
    case TokenKind::kSymbol:
      if (AtSymbol("(")) return ParseParenthesized();
      if (AtSymbol("[")) return ParseArray();
      if (AtSymbol("{")) return ParseStruct();
      if (AtSymbol("*")) {
        const Location where = Here();
        Advance();
        return ParseStar({}, where);
      }
      break;
    case TokenKind::kEnd: break;
  }
  return Unexpected("an expression");
}

Result<ExpressionPtr> Parser::ParseWordPrimary() {
  const Location where = Here();
  const std::string& word = Peek().keyword;
  const bool call = AtSymbol("(", 1);
  const bool text = Peek(1).kind == TokenKind::kString;
  if (word == "NULL") return ParseLiteral(Literal::Kind::kNull);
  if (word == "TRUE" || word == "FALSE") {
    Literal literal{Literal::Kind::kBoolean, word, {}};
    Advance();
    return Make(where, std::move(literal));
  }
  if (word == "CASE") return ParseCase();
  if (call && (word == "CAST" || word == "TRY_CAST")) return ParseCast(word != "CAST");
  if (call && word == "EXISTS") {
    Advance();
    ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseParenthesizedQuery());
    return Make(where, ExistsTest{std::move(query)});
  }
  if (text && (word == "DATE" || word == "TIME" || word == "TIMESTAMP")) {
    const Literal::Kind kind = word == "DATE"   ? Literal::Kind::kDate
                               : word == "TIME" ? Literal::Kind::kTime
                                                : Literal::Kind::kTimestamp;
    Advance();
    return ParseLiteral(kind);
  }
  if (text && (word == "TIMESTAMPTZ" || word == "TIMESTAMP_LTZ")) {
    Advance();
    return ParseLiteral(Literal::Kind::kTimestampTz);
  }
  if (word == "TIME" || word == "TIMESTAMP") {
    const size_t before = at_;
    Advance();
    const bool zoned = TakeWords({"WITH", "TIME", "ZONE"}) ||
                       TakeWords({"WITH", "LOCAL", "TIME", "ZONE"});
    const bool plain = !zoned && TakeWords({"WITHOUT", "TIME", "ZONE"});
    if ((plain || (zoned && word == "TIMESTAMP")) && Peek().kind == TokenKind::kString) {
      return ParseLiteral(zoned            ? Literal::Kind::kTimestampTz
                          : word == "TIME" ? Literal::Kind::kTime
                                           : Literal::Kind::kTimestamp);
    }
    at_ = before;
  }
  if (word == "INTERVAL" && AtDuration()) {
    ARROW_ASSIGN_OR_RAISE(Duration duration, ParseDuration());
    return Make(where, Literal{Literal::Kind::kInterval, "", duration.value});
  }
  if (word == "ARRAY" && AtSymbol("[", 1)) {
    Advance();
    return ParseArray();
  }
  if (word == "MAP" && (AtSymbol("{", 1) || AtSymbol("[", 1))) return ParseMap();
  if (word == "CURRENT_TIMESTAMP" || word == "CURRENT_DATE" || word == "CURRENT_TIME" ||
      word == "LOCALTIMESTAMP") {
    Identifier name{Peek().text, false, where};
    Advance();
    if (call) return ParseCall(std::move(name));
    FunctionCall now;
    now.name = std::move(name);
    return Make(where, std::move(now));
  }
  return ParseNameOrStar();
}

Result<ExpressionPtr> Parser::ParseNameOrStar() {
  const Token token = Peek();
  // REPLACE(…), LEFT(…) and the like are functions although the words are keywords.
  // So is JOIN(…), which has no other meaning where an expression begins.
  if (AtSymbol("(", 1) && (token.kind == TokenKind::kQuotedWord ||
                           !IsReserved(token.keyword) || token.keyword == "JOIN")) {
    Advance();
    return ParseCall(
        Identifier{token.text, token.kind == TokenKind::kQuotedWord, token.where});
  }
  Name name;
  ARROW_ASSIGN_OR_RAISE(Identifier first, ParseIdentifier("an expression"));
  const Location where = first.where;
  name.path.push_back(std::move(first));
  while (AtSymbol(".")) {
    if (AtSymbol("*", 1)) {
      at_ += 2;
      return ParseStar(std::move(name.path), where);
    }
    if (!AtName(1)) {
      Advance();
      return Unexpected("a name or *");
    }
    Advance();
    // After a point even a keyword is a name.
    const Token& part = Peek();
    name.path.push_back(
        Identifier{part.text, part.kind == TokenKind::kQuotedWord, part.where});
    Advance();
  }
  return Make(where, std::move(name));
}

Result<ExpressionPtr> Parser::ParseStar(Path qualifier, Location where) {
  Star star;
  star.qualifier = std::move(qualifier);
  if ((AtWord("EXCEPT") || AtWord("EXCLUDE")) && AtSymbol("(", 1) && !AtQuery(2)) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(star.except, ParseIdentifierList("the name of a column"));
  }
  if (AtWord("REPLACE") && AtSymbol("(", 1)) {
    at_ += 2;
    do {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
      ARROW_RETURN_NOT_OK(ExpectWord("AS"));
      ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("the name of a column"));
      star.replace.emplace_back(std::move(value), std::move(name));
    } while (TakeSymbol(","));
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  }
  return Make(where, std::move(star));
}

Result<ExpressionPtr> Parser::ParseParenthesized() {
  const Location where = Here();
  if (AtParenthesizedQuery()) {
    ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseParenthesizedQuery());
    return Make(where, ScalarQuery{std::move(query)});
  }
  Advance();
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr inner, ParseExpr());
  if (AtSymbol(",")) {
    // (a, b) is a row.
    FunctionCall row;
    row.name = Identifier{"row", false, where};
    row.arguments.push_back({std::nullopt, std::move(inner)});
    while (TakeSymbol(",")) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr next, ParseExpr());
      row.arguments.push_back({std::nullopt, std::move(next)});
    }
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    return Make(where, std::move(row));
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return inner;
}

Result<ExpressionPtr> Parser::ParseCase() {
  const Location where = Here();
  CaseOf out;
  Advance();
  if (!AtWord("WHEN")) {
    ARROW_ASSIGN_OR_RAISE(out.operand, ParseExpr());
  }
  while (TakeWord("WHEN")) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr condition, ParseExpr());
    ARROW_RETURN_NOT_OK(ExpectWord("THEN"));
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
    out.branches.emplace_back(std::move(condition), std::move(value));
  }
  if (out.branches.empty()) return Unexpected("WHEN");
  if (TakeWord("ELSE")) {
    ARROW_ASSIGN_OR_RAISE(out.otherwise, ParseExpr());
  }
  if (!TakeWord("END")) return Unexpected(out.otherwise ? "END" : "WHEN, ELSE or END");
  return Make(where, std::move(out));
}

Result<ExpressionPtr> Parser::ParseCast(bool lenient) {
  const Location where = Here();
  at_ += 2;
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr operand, ParseExpr());
  ARROW_RETURN_NOT_OK(ExpectWord("AS"));
  ARROW_ASSIGN_OR_RAISE(TypeName type, ParseTypeName());
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return Make(where, CastTo{std::move(operand), type, lenient});
}

Result<ExpressionPtr> Parser::ParseArray() {
  const Location where = Here();
  ArrayOf out;
  ARROW_RETURN_NOT_OK(ExpectSymbol("["));
  if (!AtSymbol("]")) {
    ARROW_ASSIGN_OR_RAISE(out.elements, ParseExprList());
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol("]"));
  return Make(where, std::move(out));
}

// MAP {k: v, …} or MAP [k, v, …].
Result<ExpressionPtr> Parser::ParseMap() {
  const Location where = Here();
  MapOf out;
  const bool braces = AtSymbol("{", 1);
  const std::string_view close = braces ? "}" : "]";
  at_ += 2;
  if (!AtSymbol(close)) {
    do {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr key, ParseExpr());
      ARROW_RETURN_NOT_OK(ExpectSymbol(braces ? ":" : ","));
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
      out.entries.emplace_back(std::move(key), std::move(value));
    } while (TakeSymbol(","));
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol(close));
  return Make(where, std::move(out));
}

Result<ExpressionPtr> Parser::ParseStruct() {
  const Location where = Here();
  StructOf out;
  Advance();
  do {
    const Token token = Peek();
    if (token.kind != TokenKind::kString && !AtName()) {
      return Unexpected("the name of a field");
    }
    Advance();
    ARROW_RETURN_NOT_OK(ExpectSymbol(":"));
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
    out.fields.emplace_back(Identifier{token.text, true, token.where}, std::move(value));
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol("}"));
  return Make(where, std::move(out));
}

}  // namespace millrace::sql
