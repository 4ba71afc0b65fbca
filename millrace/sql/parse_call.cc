// Function calls, their special forms, and the windows of OVER.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<ExpressionPtr> Parser::ParseCall(Identifier name) {
  const Location where = name.where;
  FunctionCall call;
  call.name = std::move(name);
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  ARROW_ASSIGN_OR_RAISE(bool special, ParseSpecialArguments(&call));
  if (!special) ARROW_RETURN_NOT_OK(ParseArguments(&call));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  ARROW_RETURN_NOT_OK(ParseCallTail(&call));
  return Make(where, std::move(call));
}

// The forms of the standard with words between the arguments.
Result<bool> Parser::ParseSpecialArguments(FunctionCall* call) {
  const std::string name = call->name.quoted ? "" : ToUpper(call->name.text);
  const auto add = [&](ExpressionPtr value) {
    call->arguments.push_back({std::nullopt, std::move(value)});
  };
  if (name == "EXTRACT" && (AtName() || Peek().kind == TokenKind::kString) &&
      AtWord("FROM", 1)) {
    const Location where = Here();
    ARROW_ASSIGN_OR_RAISE(
        ExpressionPtr field,
        Make(where, Literal{Literal::Kind::kString, ToLower(Peek().text), {}}));
    at_ += 2;
    add(std::move(field));
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
    add(std::move(value));
    return true;
  }
  if (name == "POSITION") {
    // The text sought must not swallow IN.
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr sought, ParseExpr(precedence::kRange + 1));
    if (TakeWord("IN")) {
      add(std::move(sought));
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr text, ParseExpr());
      add(std::move(text));
      return true;
    }
    ARROW_ASSIGN_OR_RAISE(sought, ParseInfixes(std::move(sought), 0));
    add(std::move(sought));
    return ParseMoreArguments(call);
  }
  if (name == "SUBSTRING") {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr text, ParseExpr());
    add(std::move(text));
    if (AtWord("FOR")) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr one,
                            Make(Here(), Literal{Literal::Kind::kInteger, "1", {}}));
      add(std::move(one));
    } else if (TakeWord("FROM")) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr start, ParseExpr());
      add(std::move(start));
    } else {
      return ParseMoreArguments(call);
    }
    if (TakeWord("FOR")) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr length, ParseExpr());
      add(std::move(length));
    }
    return true;
  }
  if (name == "TRIM") {
    const bool sided = !AtSymbol(",", 1) && !AtSymbol(")", 1);
    if (sided && TakeWord("LEADING")) {
      call->name.text = "ltrim";
    } else if (sided && TakeWord("TRAILING")) {
      call->name.text = "rtrim";
    } else if (sided) {
      TakeWord("BOTH");
    }
    ExpressionPtr characters;
    if (!AtWord("FROM")) {
      ARROW_ASSIGN_OR_RAISE(characters, ParseExpr());
    }
    if (!TakeWord("FROM")) {
      add(std::move(characters));
      return ParseMoreArguments(call);
    }
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr text, ParseExpr());
    add(std::move(text));
    if (characters != nullptr) add(std::move(characters));
    return true;
  }
  return false;
}

// The rest of an ordinary argument list, of which the first is known.
Result<bool> Parser::ParseMoreArguments(FunctionCall* call) {
  while (TakeSymbol(",")) {
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr next, ParseExpr());
    call->arguments.push_back({std::nullopt, std::move(next)});
  }
  return true;
}

Status Parser::ParseArguments(FunctionCall* call) {
  if (AtSymbol(")")) return Status::OK();
  if (AtSymbol("*") && AtSymbol(")", 1)) {
    Advance();
    call->star = true;
    return Status::OK();
  }
  if (TakeWord("DISTINCT")) {
    call->distinct = true;
  } else if (AtWord("ALL") && !AtSymbol(",", 1) && !AtSymbol(")", 1) &&
             !AtSymbol(".", 1)) {
    Advance();
  }
  do {
    FunctionArgument argument;
    if (AtName() && AtSymbol("=>", 1)) {
      ARROW_ASSIGN_OR_RAISE(argument.name, ParseIdentifier("the name of an argument"));
      Advance();
    }
    ARROW_ASSIGN_OR_RAISE(argument.value, ParseExpr());
    call->arguments.push_back(std::move(argument));
  } while (TakeSymbol(","));
  if (TakeWords({"ORDER", "BY"})) {
    ARROW_ASSIGN_OR_RAISE(call->order_by, ParseOrderItems());
  }
  return Status::OK();
}

Status Parser::ParseCallTail(FunctionCall* call) {
  if (AtWords({"WITHIN", "GROUP"}) && AtSymbol("(", 2)) {
    at_ += 3;
    ARROW_RETURN_NOT_OK(ExpectWords({"ORDER", "BY"}));
    ARROW_ASSIGN_OR_RAISE(call->within_group, ParseOrderItems());
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  }
  if (TakeWords({"IGNORE", "NULLS"})) call->ignore_nulls = true;
  if (TakeWords({"RESPECT", "NULLS"})) call->ignore_nulls = false;
  if (AtWord("FILTER") && AtSymbol("(", 1)) {
    at_ += 2;
    ARROW_RETURN_NOT_OK(ExpectWord("WHERE"));
    ARROW_ASSIGN_OR_RAISE(call->filter, ParseExpr());
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  }
  if (!TakeWord("OVER")) return Status::OK();
  if (!TakeSymbol("(")) {
    ARROW_ASSIGN_OR_RAISE(call->over_name, ParseIdentifier("( or the name of a window"));
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(OverWindow window, ParseOverWindow());
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  call->over = std::make_shared<OverWindow>(std::move(window));
  return Status::OK();
}

// The clauses of a window in any order; each at most once.
Result<OverWindow> Parser::ParseOverWindow() {
  OverWindow out;
  if (Peek().kind == TokenKind::kQuotedWord ||
      (Peek().kind == TokenKind::kWord && !IsReservedAsAlias(Peek().keyword) &&
       (AtSymbol(")", 1) || AtWord("PARTITION", 1) || AtWord("ORDER", 1) ||
        AtWord("ROWS", 1) || AtWord("RANGE", 1) || AtWord("GROUPS", 1)))) {
    ARROW_ASSIGN_OR_RAISE(out.base, ParseIdentifier("the name of a window"));
  }
  while (true) {
    if (AtWords({"ROWS", "WINDOW", "BUFFER"})) {
      if (out.buffer_rows) return Duplicate("ROWS WINDOW BUFFER");
      at_ += 3;
      ARROW_ASSIGN_OR_RAISE(out.buffer_rows, ParseInteger("a number of rows"));
      ARROW_RETURN_NOT_OK(ExpectWord("ROWS"));
    } else if (AtWord("ROWS") || AtWord("RANGE") || AtWord("GROUPS")) {
      if (out.frame) return Duplicate("the frame");
      ARROW_ASSIGN_OR_RAISE(out.frame, ParseFrame());
    } else if (AtWords({"PARTITION", "BY"})) {
      if (!out.partition_by.empty()) return Duplicate("PARTITION BY");
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(out.partition_by, ParseExprList());
    } else if (AtWords({"ORDER", "BY"})) {
      if (!out.order_by.empty()) return Duplicate("ORDER BY");
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(out.order_by, ParseOrderItems());
    } else if (AtWords({"SESSION", "WITH", "GAP"})) {
      if (out.session_gap) return Duplicate("SESSION WITH GAP");
      at_ += 3;
      ARROW_ASSIGN_OR_RAISE(out.session_gap, ParseDuration());
    } else if (AtWord("EMIT") || AtWords({"ON", "BUFFER", "FULL"})) {
      if (out.emit != OverWindow::Emit::kDefault) return Duplicate("EMIT");
      TakeWord("EMIT");
      if (TakeWords({"EVERY", "RECORD"})) {
        out.emit = OverWindow::Emit::kEveryRecord;
      } else if (TakeWords({"ON", "BUFFER", "FULL"})) {
        out.emit = OverWindow::Emit::kOnBufferFull;
      } else {
        return Unexpected("EVERY RECORD or ON BUFFER FULL");
      }
    } else if (AtWords({"EXPIRE", "AFTER"})) {
      if (out.expire_after || out.never_expires) return Duplicate("EXPIRE AFTER");
      at_ += 2;
      if (TakeWord("NEVER")) {
        out.never_expires = true;
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(out.expire_after, ParseDuration());
      TakeWord("INACTIVITY");
    } else if (AtWord("EXCLUDE")) {
      return errors::kSqlNotSupported.Make(Here().ToWhere(), "EXCLUDE in a frame");
    } else {
      return out;
    }
  }
}

Result<Frame> Parser::ParseFrame() {
  Frame frame;
  frame.unit = AtWord("ROWS")    ? Frame::Unit::kRows
               : AtWord("RANGE") ? Frame::Unit::kRange
                                 : Frame::Unit::kGroups;
  Advance();
  if (!TakeWord("BETWEEN")) {
    ARROW_ASSIGN_OR_RAISE(frame.begin, ParseFrameBound());
    return frame;
  }
  ARROW_ASSIGN_OR_RAISE(frame.begin, ParseFrameBound());
  ARROW_RETURN_NOT_OK(ExpectWord("AND"));
  ARROW_ASSIGN_OR_RAISE(frame.end, ParseFrameBound());
  return frame;
}

Result<FrameBound> Parser::ParseFrameBound() {
  using Kind = FrameBound::Kind;
  if (TakeWords({"CURRENT", "ROW"})) return FrameBound{Kind::kCurrentRow, nullptr};
  const bool unbounded = TakeWord("UNBOUNDED");
  ExpressionPtr offset;
  if (!unbounded) {
    // AND parts the bounds.
    ARROW_ASSIGN_OR_RAISE(offset, ParseExpr(precedence::kAnd + 1));
  }
  if (TakeWord("PRECEDING")) {
    return FrameBound{unbounded ? Kind::kUnboundedPreceding : Kind::kPreceding, offset};
  }
  if (TakeWord("FOLLOWING")) {
    return FrameBound{unbounded ? Kind::kUnboundedFollowing : Kind::kFollowing, offset};
  }
  return Unexpected("PRECEDING or FOLLOWING");
}

Result<std::vector<OrderItem>> Parser::ParseOrderItems() {
  std::vector<OrderItem> out;
  do {
    OrderItem item;
    ARROW_ASSIGN_OR_RAISE(item.value, ParseExpr());
    if (TakeWord("DESC")) {
      item.descending = true;
    } else {
      TakeWord("ASC");
    }
    if (TakeWord("NULLS")) {
      if (TakeWord("FIRST")) {
        item.nulls_first = true;
      } else if (TakeWord("LAST")) {
        item.nulls_first = false;
      } else {
        return Unexpected("FIRST or LAST");
      }
    }
    out.push_back(std::move(item));
  } while (TakeSymbol(","));
  return out;
}

}  // namespace millrace::sql
