// Operators: a Pratt parser over the strengths in parser_internal.h.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

namespace {

struct Operator {
  std::string_view symbol;
  BinaryOp op;
  int strength;
};

constexpr Operator kOperators[] = {
    {"=", BinaryOp::kEqual, precedence::kCompare},
    {"==", BinaryOp::kEqual, precedence::kCompare},
    {"<>", BinaryOp::kNotEqual, precedence::kCompare},
    {"!=", BinaryOp::kNotEqual, precedence::kCompare},
    {"<", BinaryOp::kLess, precedence::kCompare},
    {"<=", BinaryOp::kLessEqual, precedence::kCompare},
    {">", BinaryOp::kGreater, precedence::kCompare},
    {">=", BinaryOp::kGreaterEqual, precedence::kCompare},
    {"~", BinaryOp::kMatch, precedence::kOther},
    {"!~", BinaryOp::kNotMatch, precedence::kOther},
    {"~*", BinaryOp::kMatchInsensitive, precedence::kOther},
    {"!~*", BinaryOp::kNotMatchInsensitive, precedence::kOther},
    {"||", BinaryOp::kConcat, precedence::kOther},
    {"->", BinaryOp::kJsonGet, precedence::kOther},
    {"->>", BinaryOp::kJsonGetText, precedence::kOther},
    {"+", BinaryOp::kAdd, precedence::kAdd},
    {"-", BinaryOp::kSubtract, precedence::kAdd},
    {"*", BinaryOp::kMultiply, precedence::kMultiply},
    {"/", BinaryOp::kDivide, precedence::kMultiply},
    {"%", BinaryOp::kModulo, precedence::kMultiply},
};

const Operator* FindOperator(const Token& token) {
  if (token.kind != TokenKind::kSymbol) return nullptr;
  for (const Operator& known : kOperators) {
    if (known.symbol == token.text) return &known;
  }
  return nullptr;
}

}  // namespace

Result<ExpressionPtr> Parser::ParseOnlyExpression() {
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr out, ParseExpr());
  if (Peek().kind != TokenKind::kEnd) return Unexpected("the end of the expression");
  return out;
}

Result<ExpressionPtr> Parser::Make(Location where, Expression::Node node) {
  auto out = std::make_shared<Expression>();
  out->node = std::move(node);
  out->where = where;
  int32_t below = 0;
  ForEachChild(*out,
               [&](const Expression& child) { below = std::max(below, child.depth); });
  const Query* query = nullptr;
  if (const auto* in = out->As<InTest>()) query = in->query.get();
  if (const auto* exists = out->As<ExistsTest>()) query = exists->query.get();
  if (const auto* test = out->As<QuantifiedTest>()) query = test->query.get();
  if (const auto* scalar = out->As<ScalarQuery>()) query = scalar->query.get();
  if (query != nullptr) below = std::max(below, query->depth);
  out->depth = below + 1;
  if (out->depth > kMaxTreeDepth) return TooDeep();
  deepest_ = std::max(deepest_, out->depth);
  return out;
}

Result<ExpressionPtr> Parser::ParseExpr(int least) {
  Nested nested(this);
  ARROW_RETURN_NOT_OK(CheckNesting());
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr left, ParsePrefix());
  return ParseInfixes(std::move(left), least);
}

Result<ExpressionPtr> Parser::ParseInfixes(ExpressionPtr left, int least) {
  bool done = false;
  while (!done) {
    ARROW_ASSIGN_OR_RAISE(left, ParseInfix(std::move(left), least, &done));
  }
  return left;
}

// One operator of at least strength `least` after `left`, or `left` itself and done.
Result<ExpressionPtr> Parser::ParseInfix(ExpressionPtr left, int least, bool* done) {
  using namespace precedence;
  if (const Operator* symbol = FindOperator(Peek())) {
    if (symbol->strength < least) {
      *done = true;
      return left;
    }
    Advance();
    if (symbol->strength == kCompare) return ParseComparison(std::move(left), symbol->op);
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr right, ParseExpr(symbol->strength + 1));
    const Location where = left->where;
    return Make(where, Binary{symbol->op, std::move(left), std::move(right)});
  }
  const std::string& word = Peek().keyword;
  if (word == "OR" && least <= kOr) return ParseLogical(std::move(left), false);
  if (word == "AND" && least <= kAnd) return ParseLogical(std::move(left), true);
  if (word == "IS" && least <= kIs) return ParseIs(std::move(left));
  if ((word == "ISNULL" || word == "NOTNULL") && least <= kIs) {
    const bool negated = word == "NOTNULL";
    Advance();
    const Location where = left->where;
    return Make(where, IsTest{std::move(left), IsTest::What::kNull, negated});
  }
  const std::string& test = word == "NOT" ? Peek(1).keyword : word;
  if (least <= kRange &&
      (test == "BETWEEN" || test == "IN" || test == "LIKE" || test == "ILIKE")) {
    return ParseRangeTest(std::move(left));
  }
  if (least <= kAtTimeZone && TakeWords({"AT", "TIME", "ZONE"})) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr zone, ParseExpr(kAtTimeZone + 1));
    const Location where = left->where;
    return Make(where, Binary{BinaryOp::kAtTimeZone, std::move(left), std::move(zone)});
  }
  *done = true;
  return left;
}

Result<ExpressionPtr> Parser::ParseLogical(ExpressionPtr left, bool conjunction) {
  const std::string_view word = conjunction ? "AND" : "OR";
  const int strength = conjunction ? precedence::kAnd : precedence::kOr;
  const Location where = left->where;
  Logical out{conjunction, {std::move(left)}};
  while (TakeWord(word)) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr term, ParseExpr(strength + 1));
    out.terms.push_back(std::move(term));
  }
  return Make(where, std::move(out));
}

Result<ExpressionPtr> Parser::ParseIs(ExpressionPtr left) {
  const Location where = left->where;
  Advance();
  const bool negated = TakeWord("NOT");
  if (TakeWords({"DISTINCT", "FROM"})) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr right, ParseExpr(precedence::kCompare));
    return Make(where, Binary{negated ? BinaryOp::kNotDistinct : BinaryOp::kDistinct,
                              std::move(left), std::move(right)});
  }
  IsTest test{std::move(left), IsTest::What::kNull, negated};
  if (TakeWord("NULL")) {
    test.what = IsTest::What::kNull;
  } else if (TakeWord("TRUE")) {
    test.what = IsTest::What::kTrue;
  } else if (TakeWord("FALSE")) {
    test.what = IsTest::What::kFalse;
  } else if (TakeWord("UNKNOWN")) {
    test.what = IsTest::What::kUnknown;
  } else {
    return Unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
  }
  return Make(where, std::move(test));
}

// [NOT] BETWEEN, IN, LIKE, ILIKE.
Result<ExpressionPtr> Parser::ParseRangeTest(ExpressionPtr left) {
  const Location where = left->where;
  const int operand = precedence::kRange + 1;
  const bool negated = TakeWord("NOT");
  if (TakeWord("IN")) return ParseIn(std::move(left), negated);
  if (TakeWord("BETWEEN")) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr low, ParseExpr(operand));
    ARROW_RETURN_NOT_OK(ExpectWord("AND"));
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr high, ParseExpr(operand));
    return Make(where,
                BetweenTest{std::move(left), std::move(low), std::move(high), negated});
  }
  LikeTest like{std::move(left), nullptr, nullptr, AtWord("ILIKE"), negated};
  Advance();
  ARROW_ASSIGN_OR_RAISE(like.pattern, ParseExpr(operand));
  if (TakeWord("ESCAPE")) {
    ARROW_ASSIGN_OR_RAISE(like.escape, ParseExpr(operand));
  }
  return Make(where, std::move(like));
}

Result<ExpressionPtr> Parser::ParseIn(ExpressionPtr left, bool negated) {
  const Location where = left->where;
  InTest test;
  test.operand = std::move(left);
  test.negated = negated;
  if (AtParenthesizedQuery()) {
    ARROW_ASSIGN_OR_RAISE(test.query, ParseParenthesizedQuery());
    return Make(where, std::move(test));
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  ARROW_ASSIGN_OR_RAISE(test.list, ParseExprList());
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return Make(where, std::move(test));
}

Result<ExpressionPtr> Parser::ParseComparison(ExpressionPtr left, BinaryOp op) {
  const Location where = left->where;
  const bool quantified = AtWord("ANY") || AtWord("SOME") || AtWord("ALL");
  if (quantified && AtParenthesizedQuery(1)) {
    QuantifiedTest test{std::move(left), op, AtWord("ALL"), nullptr};
    Advance();
    ARROW_ASSIGN_OR_RAISE(test.query, ParseParenthesizedQuery());
    return Make(where, std::move(test));
  }
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr right, ParseExpr(precedence::kCompare + 1));
  return Make(where, Binary{op, std::move(left), std::move(right)});
}

Result<ExpressionPtr> Parser::ParsePrefix() {
  const Location where = Here();
  if (AtWord("NOT")) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr operand, ParseExpr(precedence::kNot));
    return Make(where, Unary{Unary::Op::kNot, std::move(operand)});
  }
  if (AtSymbol("-") || AtSymbol("+")) {
    const Unary::Op op = AtSymbol("-") ? Unary::Op::kMinus : Unary::Op::kPlus;
    Advance();
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr operand, ParseExpr(precedence::kSign));
    return Make(where, Unary{op, std::move(operand)});
  }
  ARROW_ASSIGN_OR_RAISE(ExpressionPtr operand, ParsePrimary());
  return ParsePostfix(std::move(operand));
}

// x[i], (x).field and x::type, as often as wished.
Result<ExpressionPtr> Parser::ParsePostfix(ExpressionPtr operand) {
  const Location where = operand->where;
  while (true) {
    if (TakeSymbol("[")) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr index, ParseExpr());
      ARROW_RETURN_NOT_OK(ExpectSymbol("]"));
      ARROW_ASSIGN_OR_RAISE(operand,
                            Make(where, Subscript{std::move(operand), std::move(index)}));
    } else if (AtSymbol(".") && AtName(1)) {
      Advance();
      const Token& token = Peek();
      Identifier field{token.text, token.kind == TokenKind::kQuotedWord, token.where};
      Advance();
      ARROW_ASSIGN_OR_RAISE(operand,
                            Make(where, FieldOf{std::move(operand), std::move(field)}));
    } else if (TakeSymbol("::")) {
      ARROW_ASSIGN_OR_RAISE(TypeName type, ParseTypeName());
      ARROW_ASSIGN_OR_RAISE(operand,
                            Make(where, CastTo{std::move(operand), type, false}));
    } else {
      return operand;
    }
  }
}

Result<std::vector<ExpressionPtr>> Parser::ParseExprList() {
  std::vector<ExpressionPtr> out;
  do {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr item, ParseExpr());
    out.push_back(std::move(item));
  } while (TakeSymbol(","));
  return out;
}

}  // namespace millrace::sql
