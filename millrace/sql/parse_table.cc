// FROM: tables, files, subqueries, table functions and joins.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<TableRefPtr> Parser::ParseTableRef() {
  Nested nested(this);
  ARROW_RETURN_NOT_OK(CheckNesting());
  const Location where = Here();
  ARROW_ASSIGN_OR_RAISE(TableRefPtr left, ParseTablePrimary());
  int32_t depth = deepest_;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(std::optional<Join> join, ParseJoinHead());
    if (!join) return left;
    join->left = std::move(left);
    ARROW_ASSIGN_OR_RAISE(join->right, ParseTablePrimary());
    ARROW_RETURN_NOT_OK(ParseJoinCondition(&*join));
    depth = std::max(depth, deepest_) + 1;
    if (depth > kMaxTreeDepth) return TooDeep();
    deepest_ = std::max(deepest_, depth);
    auto out = std::make_shared<TableRef>();
    out->where = where;
    out->node = std::move(*join);
    left = std::move(out);
  }
}

// [NATURAL] [INNER | LEFT | RIGHT | FULL | CROSS] JOIN, or nothing.
Result<std::optional<Join>> Parser::ParseJoinHead() {
  using Kind = Join::Kind;
  Join join;
  const size_t begin = at_;
  join.natural = TakeWord("NATURAL");
  if (TakeWord("CROSS")) {
    join.kind = Kind::kCross;
  } else if (AtWord("LEFT") || AtWord("RIGHT") || AtWord("FULL")) {
    join.kind = AtWord("LEFT")    ? Kind::kLeft
                : AtWord("RIGHT") ? Kind::kRight
                                  : Kind::kFull;
    Advance();
    TakeWord("OUTER");
  } else {
    TakeWord("INNER");
  }
  if (TakeWord("JOIN")) return join;
  if (at_ != begin) return Unexpected("JOIN");
  return std::nullopt;
}

Status Parser::ParseJoinCondition(Join* join) {
  const auto within = [&]() -> Status {
    if (!AtWord("WITHIN")) return Status::OK();
    if (join->within) return Duplicate("WITHIN");
    Advance();
    ARROW_ASSIGN_OR_RAISE(join->within, ParseDuration());
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(within());
  if (join->natural || join->kind == Join::Kind::kCross) return Status::OK();
  if (TakeWord("ON")) {
    ARROW_ASSIGN_OR_RAISE(join->on, ParseExpr());
  } else if (TakeWord("USING")) {
    ARROW_ASSIGN_OR_RAISE(join->using_columns,
                          ParseIdentifierList("the name of a column"));
  } else {
    return Unexpected("ON or USING");
  }
  return within();
}

Result<TableRefPtr> Parser::ParseTablePrimary() {
  auto out = std::make_shared<TableRef>();
  out->where = Here();
  const bool lateral = AtWord("LATERAL") && AtSymbol("(", 1) && TakeWord("LATERAL");
  if (AtParenthesizedQuery()) {
    ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseParenthesizedQuery());
    out->node = SubqueryTable{std::move(query), lateral};
    ARROW_RETURN_NOT_OK(ParseTableAlias(&out->alias));
    return out;
  }
  if (AtSymbol("(")) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(TableRefPtr inner, ParseTableRef());
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    return inner;
  }
  if (Peek().kind == TokenKind::kString) {
    NamedTable table;
    ARROW_ASSIGN_OR_RAISE(table.file, ParseStringToken("a file"));
    out->node = std::move(table);
  } else {
    if (AtWord("TABLE") && AtSymbol("(", 1)) {
      // TABLE(TUMBLE(…)), the older spelling.
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("a table function"));
      ARROW_ASSIGN_OR_RAISE(TableRefPtr inner, ParseTableFunction(std::move(name)));
      ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
      *out = *inner;
      ARROW_RETURN_NOT_OK(ParseTableAlias(&out->alias));
      return out;
    }
    ARROW_ASSIGN_OR_RAISE(Path path, ParsePath("a table, 'a file' or ("));
    if (AtSymbol("(") && path.size() == 1) {
      ARROW_ASSIGN_OR_RAISE(TableRefPtr inner, ParseTableFunction(std::move(path[0])));
      *out = *inner;
      ARROW_RETURN_NOT_OK(ParseTableAlias(&out->alias));
      return out;
    }
    out->node = NamedTable{std::move(path), "", {}, nullptr};
  }
  auto& table = std::get<NamedTable>(out->node);
  if (AtWords({"FOR", "SYSTEM_TIME", "AS", "OF"})) {
    at_ += 4;
    ARROW_ASSIGN_OR_RAISE(table.as_of, ParseExpr());
  }
  ARROW_RETURN_NOT_OK(ParseTableAlias(&out->alias));
  if (AtTableProperties()) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(table.properties, ParseProperties());
    if (!out->alias.name) ARROW_RETURN_NOT_OK(ParseTableAlias(&out->alias));
  }
  return out;
}

// WITH (…) after a table is the table's, except where it ends CREATE … AS SELECT.
bool Parser::AtTableProperties() const {
  if (!AtWord("WITH") || !AtSymbol("(", 1)) return false;
  if (!in_create_) return true;
  const Token& after = stream_.tokens[std::min(
      closing_[std::min(at_ + 1, closing_.size() - 1)] + 1, stream_.tokens.size() - 1)];
  return after.kind != TokenKind::kEnd &&
         !(after.kind == TokenKind::kSymbol && after.text == ";");
}

Status Parser::ParseTableAlias(TableAlias* alias) {
  ARROW_ASSIGN_OR_RAISE(alias->name, ParseAlias());
  if (alias->name && AtSymbol("(")) {
    ARROW_ASSIGN_OR_RAISE(alias->columns, ParseIdentifierList("the name of a column"));
  }
  return Status::OK();
}

Result<TableRefPtr> Parser::ParseTableFunction(Identifier name) {
  auto out = std::make_shared<TableRef>();
  out->where = name.where;
  TableFunction function;
  function.name = std::move(name);
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  if (!AtSymbol(")")) {
    do {
      ARROW_ASSIGN_OR_RAISE(TableArgument argument, ParseTableArgument());
      function.arguments.push_back(std::move(argument));
    } while (TakeSymbol(","));
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  out->node = std::move(function);
  return out;
}

Result<TableArgument> Parser::ParseTableArgument() {
  TableArgument argument;
  if (AtName() && AtSymbol("=>", 1)) {
    ARROW_ASSIGN_OR_RAISE(argument.name, ParseIdentifier("the name of an argument"));
    Advance();
  }
  if (AtWord("TABLE") &&
      (AtName(1) || AtSymbol("(", 1) || Peek(1).kind == TokenKind::kString)) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(argument.table, ParseTablePrimary());
    if (TakeWords({"PARTITION", "BY"})) {
      // One key, or several in parentheses: a comma begins the next argument.
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr key, ParseExpr());
      const auto* row = key->As<FunctionCall>();
      if (row != nullptr && !row->name.quoted && row->name.text == "row") {
        for (const FunctionArgument& part : row->arguments) {
          argument.partition_by.push_back(part.value);
        }
      } else {
        argument.partition_by.push_back(std::move(key));
      }
    }
    return argument;
  }
  ARROW_ASSIGN_OR_RAISE(argument.value, ParseExpr());
  return argument;
}

}  // namespace millrace::sql
