// WITH, UNION and what follows a query: ORDER BY, LIMIT, EMIT, INTO.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

bool Parser::AtQuery(size_t ahead) const {
  while (AtSymbol("(", ahead)) ++ahead;
  if (AtWord("SELECT", ahead) || AtWord("VALUES", ahead)) return true;
  // WITH x AS ( …; a property list WITH (…) is something else.
  return AtWord("WITH", ahead) && AtName(ahead + 1) &&
         (AtWord("AS", ahead + 2) || AtSymbol("(", ahead + 2) || AtName(ahead + 2));
}

// Whether the parenthesis here encloses a query, and not ((SELECT 1) + 2) or a join.
bool Parser::AtParenthesizedQuery(size_t ahead) const {
  static constexpr std::string_view kAfterOperand[] = {
      "UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT", "OFFSET",
      "EMIT",  "LATE",   "GRACE",     "INTO",  "WITH"};
  while (AtSymbol("(", ahead)) {
    ++ahead;
    if (!AtSymbol("(", ahead)) return AtQuery(ahead);
    const Token& after =
        stream_.tokens[std::min(closing_[at_ + ahead] + 1, stream_.tokens.size() - 1)];
    const bool closes = after.kind == TokenKind::kSymbol && after.text == ")";
    if (!closes && std::find(std::begin(kAfterOperand), std::end(kAfterOperand),
                             after.keyword) == std::end(kAfterOperand)) {
      return false;
    }
  }
  return false;
}

Result<QueryPtr> Parser::ParseParenthesizedQuery() {
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseQuery());
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return query;
}

Result<QueryPtr> Parser::ParseQuery() {
  Nested nested(this);
  ARROW_RETURN_NOT_OK(CheckNesting());
  const int32_t outside = deepest_;
  deepest_ = 0;
  auto query = std::make_shared<Query>();
  query->where = Here();
  if (AtWord("WITH")) ARROW_RETURN_NOT_OK(ParseCommonTables(query.get()));
  ARROW_ASSIGN_OR_RAISE(query->body, ParseUnionChain(query.get()));
  query->depth = std::max(query->body->depth, deepest_) + 1;
  if (query->depth > kMaxTreeDepth) return TooDeep();
  deepest_ = std::max(outside, query->depth);
  return query;
}

Status Parser::ParseCommonTables(Query* query) {
  Advance();
  // A table may be called recursive.
  if (AtWord("RECURSIVE") && !AtWord("AS", 1) && !AtSymbol("(", 1)) {
    Advance();
    query->recursive = true;
  }
  do {
    CommonTable table;
    ARROW_ASSIGN_OR_RAISE(table.name, ParseIdentifier("the name of a query"));
    if (AtSymbol("(")) {
      ARROW_ASSIGN_OR_RAISE(table.columns, ParseIdentifierList("the name of a column"));
    }
    ARROW_RETURN_NOT_OK(ExpectWord("AS"));
    ARROW_ASSIGN_OR_RAISE(table.query, ParseParenthesizedQuery());
    query->with.push_back(std::move(table));
  } while (TakeSymbol(","));
  return Status::OK();
}

Result<QueryBodyPtr> Parser::MakeBody(Location where, decltype(QueryBody::node) node) {
  auto body = std::make_shared<QueryBody>();
  body->where = where;
  if (const auto* set = std::get_if<SetOperation>(&node)) {
    body->depth = std::max(set->left->depth, set->right->depth) + 1;
  } else if (const auto* nested = std::get_if<NestedQuery>(&node)) {
    body->depth = nested->query->depth + 1;
  } else {
    // The caller has cleared deepest_, or an operand to the left is as deep: too large a
    // number only refuses a little earlier.
    body->depth = deepest_ + 1;
  }
  if (body->depth > kMaxTreeDepth) return TooDeep();
  deepest_ = std::max(deepest_, body->depth);
  body->node = std::move(node);
  return body;
}

// Operands of UNION and EXCEPT. Clauses after the last operand belong to the whole; if an
// operator follows them they belonged to the operand before.
Result<QueryBodyPtr> Parser::ParseUnionChain(Query* tail) {
  const Location where = Here();
  ARROW_ASSIGN_OR_RAISE(QueryBodyPtr left, ParseIntersectChain());
  while (true) {
    const int64_t before = static_cast<int64_t>(at_);
    Query own;
    ARROW_RETURN_NOT_OK(ParseQueryTail(&own));
    const bool any_clause = static_cast<int64_t>(at_) != before;
    if (!AtWord("UNION") && !AtWord("EXCEPT")) {
      own.where = tail->where;
      own.recursive = tail->recursive;
      own.with = std::move(tail->with);
      *tail = std::move(own);
      return left;
    }
    if (any_clause) {
      own.where = left->where;
      own.body = left;
      own.depth = std::max(left->depth, deepest_) + 1;
      ARROW_ASSIGN_OR_RAISE(
          left, MakeBody(where, NestedQuery{std::make_shared<Query>(std::move(own))}));
    }
    SetOperation set;
    set.op = AtWord("UNION") ? SetOperation::Op::kUnion : SetOperation::Op::kExcept;
    Advance();
    set.all = TakeWord("ALL");
    if (!set.all) TakeWord("DISTINCT");
    set.left = std::move(left);
    ARROW_ASSIGN_OR_RAISE(set.right, ParseIntersectChain());
    ARROW_ASSIGN_OR_RAISE(left, MakeBody(where, std::move(set)));
  }
}

Result<QueryBodyPtr> Parser::ParseIntersectChain() {
  const Location where = Here();
  ARROW_ASSIGN_OR_RAISE(QueryBodyPtr left, ParseQueryTerm());
  while (TakeWord("INTERSECT")) {
    SetOperation set;
    set.op = SetOperation::Op::kIntersect;
    set.all = TakeWord("ALL");
    if (!set.all) TakeWord("DISTINCT");
    set.left = std::move(left);
    ARROW_ASSIGN_OR_RAISE(set.right, ParseQueryTerm());
    ARROW_ASSIGN_OR_RAISE(left, MakeBody(where, std::move(set)));
  }
  return left;
}

Result<QueryBodyPtr> Parser::ParseQueryTerm() {
  const Location where = Here();
  if (AtWord("SELECT")) return ParseSelect();
  if (AtWord("VALUES")) return ParseValues();
  if (AtSymbol("(")) {
    ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseParenthesizedQuery());
    return MakeBody(where, NestedQuery{std::move(query)});
  }
  return Unexpected("SELECT");
}

Status Parser::ParseQueryTail(Query* query) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(bool taken, ParseTailClause(query));
    if (!taken) return Status::OK();
  }
}

// One clause after the operands, in whatever order the dialects have them.
Result<bool> Parser::ParseTailClause(Query* query) {
  if (AtWords({"ORDER", "BY"})) {
    if (!query->order_by.empty()) return Duplicate("ORDER BY");
    at_ += 2;
    ARROW_ASSIGN_OR_RAISE(query->order_by, ParseOrderItems());
    return true;
  }
  if (AtWord("LIMIT")) {
    if (query->limit) return Duplicate("LIMIT");
    Advance();
    ARROW_ASSIGN_OR_RAISE(query->limit, ParseExpr());
    return true;
  }
  if (AtWord("OFFSET")) {
    if (query->offset) return Duplicate("OFFSET");
    Advance();
    ARROW_ASSIGN_OR_RAISE(query->offset, ParseExpr());
    if (!TakeWord("ROWS")) TakeWord("ROW");
    return true;
  }
  if (AtWords({"GRACE", "PERIOD"})) {
    if (query->grace) return Duplicate("GRACE PERIOD");
    at_ += 2;
    ARROW_ASSIGN_OR_RAISE(query->grace, ParseDuration());
    return true;
  }
  if (AtWord("EMIT")) {
    if (query->emit) return Duplicate("EMIT");
    EmitClause emit;
    emit.where = Here();
    Advance();
    if (TakeWord("CHANGES")) {
      emit.mode = EmitClause::Mode::kChanges;
    } else if (TakeWord("FINAL")) {
      emit.mode = EmitClause::Mode::kFinal;
    } else if (TakeWord("EVERY")) {
      emit.mode = EmitClause::Mode::kEvery;
      ARROW_ASSIGN_OR_RAISE(emit.every, ParseDuration());
    } else if (TakeWords({"ON", "WINDOW", "CLOSE"})) {
      emit.mode = EmitClause::Mode::kOnWindowClose;
    } else {
      return Unexpected("CHANGES, FINAL, EVERY or ON WINDOW CLOSE");
    }
    query->emit = emit;
    return true;
  }
  if (AtWords({"LATE", "INTO"})) {
    if (query->late_into) return Duplicate("LATE INTO");
    at_ += 2;
    ARROW_ASSIGN_OR_RAISE(query->late_into, ParseTarget());
    return true;
  }
  if (AtWord("INTO")) {
    if (query->into) return Duplicate("INTO");
    Advance();
    ARROW_ASSIGN_OR_RAISE(query->into, ParseTarget());
    return true;
  }
  if (AtWord("WITH") && AtSymbol("(", 1)) {
    if (!query->properties.empty()) return Duplicate("WITH");
    Advance();
    ARROW_ASSIGN_OR_RAISE(query->properties, ParseProperties());
    return true;
  }
  return false;
}

Result<IntoClause> Parser::ParseTarget() {
  IntoClause out;
  out.where = Here();
  if (Peek().kind == TokenKind::kString) {
    ARROW_ASSIGN_OR_RAISE(out.file, ParseStringToken("a file"));
    return out;
  }
  ARROW_ASSIGN_OR_RAISE(out.path, ParsePath("the name of a sink, or 'a file'"));
  return out;
}

Result<QueryBodyPtr> Parser::ParseValues() {
  const Location where = Here();
  Advance();
  Values values;
  do {
    ARROW_RETURN_NOT_OK(ExpectSymbol("("));
    ARROW_ASSIGN_OR_RAISE(std::vector<ExpressionPtr> row, ParseExprList());
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    values.rows.push_back(std::move(row));
  } while (TakeSymbol(","));
  return MakeBody(where, std::move(values));
}

}  // namespace millrace::sql
