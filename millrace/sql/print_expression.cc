// Canonical text of expressions.
#include "millrace/sql/characters_internal.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"
#include "millrace/sql/printer_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

namespace {

struct OperatorText {
  std::string_view text;
  int strength;
};

OperatorText TextOf(BinaryOp op) {
  using namespace precedence;
  switch (op) {
    case BinaryOp::kAdd: return {"+", precedence::kAdd};
    case BinaryOp::kSubtract: return {"-", precedence::kAdd};
    case BinaryOp::kMultiply: return {"*", precedence::kMultiply};
    case BinaryOp::kDivide: return {"/", precedence::kMultiply};
    case BinaryOp::kModulo: return {"%", precedence::kMultiply};
    case BinaryOp::kConcat: return {"||", kOther};
    case BinaryOp::kEqual: return {"=", kCompare};
    case BinaryOp::kNotEqual: return {"<>", kCompare};
    case BinaryOp::kLess: return {"<", kCompare};
    case BinaryOp::kLessEqual: return {"<=", kCompare};
    case BinaryOp::kGreater: return {">", kCompare};
    case BinaryOp::kGreaterEqual: return {">=", kCompare};
    case BinaryOp::kDistinct: return {"IS DISTINCT FROM", kIs};
    case BinaryOp::kNotDistinct: return {"IS NOT DISTINCT FROM", kIs};
    case BinaryOp::kMatch: return {"~", kOther};
    case BinaryOp::kNotMatch: return {"!~", kOther};
    case BinaryOp::kMatchInsensitive: return {"~*", kOther};
    case BinaryOp::kNotMatchInsensitive: return {"!~*", kOther};
    case BinaryOp::kJsonGet: return {"->", kOther};
    case BinaryOp::kJsonGetText: return {"->>", kOther};
    case BinaryOp::kAtTimeZone: return {"AT TIME ZONE", precedence::kAtTimeZone};
  }
  return {"", 0};
}

struct StrengthVisitor {
  int operator()(const Unary& node) const {
    return node.op == Unary::Op::kNot ? precedence::kNot : precedence::kSign;
  }
  int operator()(const Binary& node) const { return TextOf(node.op).strength; }
  int operator()(const Logical& node) const {
    return node.conjunction ? precedence::kAnd : precedence::kOr;
  }
  int operator()(const IsTest&) const { return precedence::kIs; }
  int operator()(const LikeTest&) const { return precedence::kRange; }
  int operator()(const BetweenTest&) const { return precedence::kRange; }
  int operator()(const InTest&) const { return precedence::kRange; }
  int operator()(const QuantifiedTest&) const { return precedence::kCompare; }
  // EXCEPT and REPLACE after a star reach as far as they can.
  int operator()(const Star&) const { return 0; }
  template <typename Other>
  int operator()(const Other&) const {
    return precedence::kPostfix + 1;
  }
};

int StrengthOf(const Expression& expression) {
  return std::visit(StrengthVisitor{}, expression.node);
}

bool IsPlainWord(std::string_view text) {
  if (text.empty()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool first = IsLetter(c) || c == '_';
    if (!first && (i == 0 || !(IsDigit(c) || c == '$'))) return false;
  }
  return true;
}

}  // namespace

void Printer::Id(const Identifier& identifier) {
  if (IsPlainWord(identifier.text) && !NeedsQuotes(ToUpper(identifier.text))) {
    Text(identifier.text);
    return;
  }
  Text("\"");
  for (char c : identifier.text) {
    if (c == '"') out_ += c;
    out_ += c;
  }
  Text("\"");
}

void Printer::PathText(const Path& path) {
  bool first = true;
  for (const Identifier& part : path) {
    if (!first) Text(".");
    first = false;
    Id(part);
  }
}

void Printer::String(std::string_view text) {
  Text("'");
  for (char c : text) {
    if (c == '\'') out_ += c;
    out_ += c;
  }
  Text("'");
}

void Printer::Expr(const Expression& expression, int least) {
  const bool parentheses = StrengthOf(expression) < least;
  if (parentheses) Text("(");
  std::visit(*this, expression.node);
  if (parentheses) Text(")");
}

void Printer::Exprs(const std::vector<ExpressionPtr>& items) {
  List(items, [&](const ExpressionPtr& item) { Expr(*item); });
}

void Printer::Ids(const std::vector<Identifier>& items) {
  List(items, [&](const Identifier& item) { Id(item); });
}

void Printer::operator()(const Literal& node) {
  switch (node.kind) {
    case Literal::Kind::kNull: Text("NULL"); return;
    case Literal::Kind::kBoolean:
    case Literal::Kind::kInteger:
    case Literal::Kind::kDecimal:
    case Literal::Kind::kFloat: Text(node.text); return;
    case Literal::Kind::kString: String(node.text); return;
    case Literal::Kind::kBytes: Text("X'" + node.text + "'"); return;
    case Literal::Kind::kInterval: Text(IntervalToSql(node.interval)); return;
    case Literal::Kind::kDate: Text("DATE "); break;
    case Literal::Kind::kTime: Text("TIME "); break;
    case Literal::Kind::kTimestamp: Text("TIMESTAMP "); break;
    case Literal::Kind::kTimestampTz: Text("TIMESTAMPTZ "); break;
  }
  String(node.text);
}

void Printer::operator()(const Name& node) { PathText(node.path); }

void Printer::operator()(const Star& node) {
  PathText(node.qualifier);
  Text(node.qualifier.empty() ? "*" : ".*");
  if (!node.except.empty()) {
    Text(" EXCEPT (");
    Ids(node.except);
    Text(")");
  }
  if (!node.replace.empty()) {
    Text(" REPLACE (");
    List(node.replace, [&](const auto& item) {
      Expr(*item.first);
      Text(" AS ");
      Id(item.second);
    });
    Text(")");
  }
}

void Printer::operator()(const Unary& node) {
  if (node.op == Unary::Op::kNot) {
    Text("NOT ");
    Expr(*node.operand, precedence::kNot);
    return;
  }
  Text(node.op == Unary::Op::kMinus ? "-" : "+");
  // Two signs in a row would begin a comment.
  const bool sign = node.operand->As<Unary>() != nullptr;
  Expr(*node.operand, sign ? precedence::kSign + 1 : precedence::kSign);
}

void Printer::operator()(const Binary& node) {
  const OperatorText op = TextOf(node.op);
  Expr(*node.left, op.strength);
  Text(" ");
  Text(op.text);
  Text(" ");
  Expr(*node.right, op.strength + 1);
}

void Printer::operator()(const Logical& node) {
  const int strength = node.conjunction ? precedence::kAnd : precedence::kOr;
  bool first = true;
  for (const ExpressionPtr& term : node.terms) {
    if (!first) Text(node.conjunction ? " AND " : " OR ");
    first = false;
    Expr(*term, strength + 1);
  }
}

void Printer::operator()(const IsTest& node) {
  Expr(*node.operand, precedence::kIs);
  Text(node.negated ? " IS NOT " : " IS ");
  switch (node.what) {
    case IsTest::What::kNull: Text("NULL"); return;
    case IsTest::What::kTrue: Text("TRUE"); return;
    case IsTest::What::kFalse: Text("FALSE"); return;
    case IsTest::What::kUnknown: Text("UNKNOWN"); return;
  }
}

void Printer::operator()(const LikeTest& node) {
  Expr(*node.operand, precedence::kRange);
  Text(node.negated ? " NOT" : "");
  Text(node.ignore_case ? " ILIKE " : " LIKE ");
  Expr(*node.pattern, precedence::kRange + 1);
  if (node.escape == nullptr) return;
  Text(" ESCAPE ");
  Expr(*node.escape, precedence::kRange + 1);
}

void Printer::operator()(const BetweenTest& node) {
  Expr(*node.operand, precedence::kRange);
  Text(node.negated ? " NOT BETWEEN " : " BETWEEN ");
  Expr(*node.low, precedence::kRange + 1);
  Text(" AND ");
  Expr(*node.high, precedence::kRange + 1);
}

void Printer::operator()(const InTest& node) {
  Expr(*node.operand, precedence::kRange);
  Text(node.negated ? " NOT IN (" : " IN (");
  if (node.query != nullptr) {
    QueryText(*node.query);
  } else {
    Exprs(node.list);
  }
  Text(")");
}

void Printer::operator()(const ExistsTest& node) {
  Text("EXISTS (");
  QueryText(*node.query);
  Text(")");
}

void Printer::operator()(const QuantifiedTest& node) {
  Expr(*node.operand, precedence::kCompare);
  Text(" ");
  Text(TextOf(node.op).text);
  Text(node.all ? " ALL (" : " ANY (");
  QueryText(*node.query);
  Text(")");
}

void Printer::operator()(const ScalarQuery& node) {
  Text("(");
  QueryText(*node.query);
  Text(")");
}

void Printer::operator()(const CaseOf& node) {
  Text("CASE");
  if (node.operand != nullptr) {
    Text(" ");
    Expr(*node.operand);
  }
  for (const auto& [condition, value] : node.branches) {
    Text(" WHEN ");
    Expr(*condition);
    Text(" THEN ");
    Expr(*value);
  }
  if (node.otherwise != nullptr) {
    Text(" ELSE ");
    Expr(*node.otherwise);
  }
  Text(" END");
}

void Printer::operator()(const CastTo& node) {
  Text(node.lenient ? "TRY_CAST(" : "CAST(");
  Expr(*node.operand);
  Text(" AS ");
  Text(TypeToSql(*node.type.type));
  Text(")");
}

void Printer::FunctionName(const Identifier& name) {
  const std::string upper = ToUpper(name.text);
  if (name.quoted && NeedsQuotes(upper)) {
    Text("\"" + upper + "\"");
  } else if (IsPlainWord(name.text)) {
    Text(upper);
  } else {
    Id(name);
  }
}

void Printer::operator()(const FunctionCall& node) {
  FunctionName(node.name);
  Text("(");
  if (node.star) Text("*");
  if (node.distinct) Text("DISTINCT ");
  List(node.arguments, [&](const FunctionArgument& argument) {
    if (argument.name) {
      Id(*argument.name);
      Text(" => ");
    }
    Expr(*argument.value);
  });
  if (!node.order_by.empty()) {
    Text(" ");
    OrderBy(node.order_by);
  }
  Text(")");
  if (!node.within_group.empty()) {
    Text(" WITHIN GROUP (");
    OrderBy(node.within_group);
    Text(")");
  }
  if (node.ignore_nulls) Text(*node.ignore_nulls ? " IGNORE NULLS" : " RESPECT NULLS");
  if (node.filter != nullptr) {
    Text(" FILTER (WHERE ");
    Expr(*node.filter);
    Text(")");
  }
  if (node.over_name) {
    Text(" OVER ");
    Id(*node.over_name);
  }
  if (node.over != nullptr) {
    Text(" OVER (");
    Over(*node.over);
    Text(")");
  }
}

void Printer::OrderBy(const std::vector<OrderItem>& items) {
  Text("ORDER BY ");
  List(items, [&](const OrderItem& item) {
    Expr(*item.value);
    if (item.descending) Text(" DESC");
    if (item.nulls_first) Text(*item.nulls_first ? " NULLS FIRST" : " NULLS LAST");
  });
}

void Printer::Bound(const FrameBound& bound) {
  if (bound.offset != nullptr) {
    Expr(*bound.offset, precedence::kAnd + 1);
    Text(" ");
  }
  switch (bound.kind) {
    case FrameBound::Kind::kUnboundedPreceding: Text("UNBOUNDED PRECEDING"); return;
    case FrameBound::Kind::kPreceding: Text("PRECEDING"); return;
    case FrameBound::Kind::kCurrentRow: Text("CURRENT ROW"); return;
    case FrameBound::Kind::kFollowing: Text("FOLLOWING"); return;
    case FrameBound::Kind::kUnboundedFollowing: Text("UNBOUNDED FOLLOWING"); return;
  }
}

void Printer::Over(const OverWindow& window) {
  std::string_view gap = "";
  const auto next = [&] {
    Text(gap);
    gap = " ";
  };
  if (window.base) {
    next();
    Id(*window.base);
  }
  if (window.buffer_rows) {
    next();
    Text(fmt::format("ROWS WINDOW BUFFER {} ROWS", *window.buffer_rows));
  }
  if (!window.partition_by.empty()) {
    next();
    Text("PARTITION BY ");
    Exprs(window.partition_by);
  }
  if (!window.order_by.empty()) {
    next();
    OrderBy(window.order_by);
  }
  if (window.frame) {
    next();
    Text(window.frame->unit == Frame::Unit::kRows    ? "ROWS BETWEEN "
         : window.frame->unit == Frame::Unit::kRange ? "RANGE BETWEEN "
                                                     : "GROUPS BETWEEN ");
    Bound(window.frame->begin);
    Text(" AND ");
    Bound(window.frame->end);
  }
  if (window.session_gap) {
    next();
    Text("SESSION WITH GAP ");
    Span(*window.session_gap);
  }
  if (window.emit != OverWindow::Emit::kDefault) {
    next();
    Text(window.emit == OverWindow::Emit::kEveryRecord ? "EMIT EVERY RECORD"
                                                       : "ON BUFFER FULL");
  }
  if (window.expire_after) {
    next();
    Text("EXPIRE AFTER ");
    Span(*window.expire_after);
    Text(" INACTIVITY");
  }
  if (window.never_expires) {
    next();
    Text("EXPIRE AFTER NEVER");
  }
}

void Printer::operator()(const ArrayOf& node) {
  Text("[");
  Exprs(node.elements);
  Text("]");
}

void Printer::operator()(const MapOf& node) {
  Text("MAP {");
  List(node.entries, [&](const auto& entry) {
    Expr(*entry.first);
    Text(": ");
    Expr(*entry.second);
  });
  Text("}");
}

void Printer::operator()(const StructOf& node) {
  Text("{");
  List(node.fields, [&](const auto& field) {
    String(field.first.text);
    Text(": ");
    Expr(*field.second);
  });
  Text("}");
}

void Printer::operator()(const Subscript& node) {
  Expr(*node.operand, precedence::kPostfix);
  Text("[");
  Expr(*node.index);
  Text("]");
}

void Printer::operator()(const FieldOf& node) {
  // a.b would be a qualified name, 1.b a number.
  const bool plain = node.operand->As<Name>() == nullptr &&
                     node.operand->As<Literal>() == nullptr &&
                     StrengthOf(*node.operand) >= precedence::kPostfix;
  if (!plain) Text("(");
  Expr(*node.operand);
  if (!plain) Text(")");
  Text(".");
  Id(node.field);
}

std::string ToSql(const Expression& expression) {
  Printer printer;
  printer.Expr(expression);
  return printer.Take();
}

std::string ToSql(const Identifier& identifier) {
  Printer printer;
  printer.Id(identifier);
  return printer.Take();
}

std::string ToSql(const Path& path) {
  Printer printer;
  printer.PathText(path);
  return printer.Take();
}

std::string QuoteString(std::string_view text) {
  Printer printer;
  printer.String(text);
  return printer.Take();
}

}  // namespace millrace::sql
