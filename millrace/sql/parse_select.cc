// SELECT and its clauses, windows of time among them.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<QueryBodyPtr> Parser::ParseSelect() {
  const Location where = Here();
  Advance();
  Select select;
  if (TakeWord("DISTINCT")) {
    select.distinct = true;
    if (AtWord("ON") && AtSymbol("(", 1)) {
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(select.distinct_on, ParseExprList());
      ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    }
  } else if (AtWord("ALL") && !AtSymbol(",", 1) && !AtSymbol(".", 1)) {
    Advance();
  }
  ARROW_RETURN_NOT_OK(ParseSelectItems(&select));
  if (TakeWord("FROM")) {
    do {
      ARROW_ASSIGN_OR_RAISE(TableRefPtr table, ParseTableRef());
      select.from.push_back(std::move(table));
    } while (TakeSymbol(","));
  }
  if (TakeWord("WHERE")) {
    ARROW_ASSIGN_OR_RAISE(select.where_condition, ParseExpr());
  }
  ARROW_RETURN_NOT_OK(ParseSelectClauses(&select));
  return MakeBody(where, std::move(select));
}

Result<std::vector<SelectItem>> Parser::ParseOnlyItems() {
  Select select;
  ARROW_RETURN_NOT_OK(ParseSelectItems(&select));
  if (Peek().kind != TokenKind::kEnd) return Unexpected("the end of the list");
  return std::move(select.items);
}

Status Parser::ParseSelectItems(Select* select) {
  do {
    if (AtWord("FROM") && !select->items.empty()) break;  // a comma may follow the last
    SelectItem item;
    ARROW_ASSIGN_OR_RAISE(item.value, ParseExpr());
    ARROW_ASSIGN_OR_RAISE(item.alias, ParseAlias());
    item.primary_key = TakeWords({"PRIMARY", "KEY"});
    select->items.push_back(std::move(item));
  } while (TakeSymbol(","));
  return Status::OK();
}

// GROUP BY, HAVING, WINDOW and QUALIFY in any order: one dialect has HAVING before
// WINDOW, the other after.
Status Parser::ParseSelectClauses(Select* select) {
  while (true) {
    if (AtWords({"GROUP", "BY"})) {
      if (select->group_by_all || !select->group_by.empty()) return Duplicate("GROUP BY");
      at_ += 2;
      ARROW_RETURN_NOT_OK(ParseGroupBy(select));
    } else if (AtWord("HAVING")) {
      if (select->having) return Duplicate("HAVING");
      Advance();
      ARROW_ASSIGN_OR_RAISE(select->having, ParseExpr());
    } else if (AtWord("QUALIFY")) {
      if (select->qualify) return Duplicate("QUALIFY");
      Advance();
      ARROW_ASSIGN_OR_RAISE(select->qualify, ParseExpr());
    } else if (AtWord("WINDOW")) {
      ARROW_RETURN_NOT_OK(ParseWindowClause(select));
    } else {
      return Status::OK();
    }
  }
}

Status Parser::ParseGroupBy(Select* select) {
  if (AtWord("ALL") && !AtSymbol(".", 1) && !AtSymbol(",", 1)) {
    Advance();
    select->group_by_all = true;
    return Status::OK();
  }
  do {
    ARROW_ASSIGN_OR_RAISE(GroupItem item, ParseGroupItem());
    select->group_by.push_back(std::move(item));
  } while (TakeSymbol(","));
  return Status::OK();
}

Result<GroupItem> Parser::ParseGroupItem() {
  GroupItem item;
  item.where = Here();
  if (AtWords({"GROUPING", "SETS"}) && AtSymbol("(", 2)) {
    item.kind = GroupItem::Kind::kGroupingSets;
    at_ += 2;
  } else if (AtWord("ROLLUP") && AtSymbol("(", 1)) {
    item.kind = GroupItem::Kind::kRollup;
    Advance();
  } else if (AtWord("CUBE") && AtSymbol("(", 1)) {
    item.kind = GroupItem::Kind::kCube;
    Advance();
  } else {
    ARROW_ASSIGN_OR_RAISE(item.value, ParseExpr());
    return item;
  }
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  do {
    std::vector<ExpressionPtr> set;
    if (AtSymbol("(") && AtSymbol(")", 1)) {
      at_ += 2;
      item.sets.emplace_back();
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(ExpressionPtr value, ParseExpr());
    // (a, b) was read as a row; here it is a set.
    const auto* row = value->As<FunctionCall>();
    if (row != nullptr && !row->name.quoted && row->name.text == "row") {
      for (const FunctionArgument& argument : row->arguments)
        set.push_back(argument.value);
    } else {
      set.push_back(std::move(value));
    }
    item.sets.push_back(std::move(set));
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  return item;
}

Status Parser::ParseWindowClause(Select* select) {
  const bool named = AtName(1) && AtWord("AS", 2);
  if (!named) {
    if (select->window) return Duplicate("WINDOW");
    Advance();
    ARROW_ASSIGN_OR_RAISE(select->window, ParseTimeWindow());
    return Status::OK();
  }
  Advance();
  do {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("the name of a window"));
    ARROW_RETURN_NOT_OK(ExpectWord("AS"));
    ARROW_RETURN_NOT_OK(ExpectSymbol("("));
    ARROW_ASSIGN_OR_RAISE(OverWindow window, ParseOverWindow());
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    select->named_windows.emplace_back(std::move(name), std::move(window));
  } while (TakeSymbol(","));
  return Status::OK();
}

Result<TimeWindow> Parser::ParseTimeWindow() {
  using Kind = TimeWindow::Kind;
  TimeWindow window;
  window.where = Here();
  if (TakeWord("TUMBLING") || TakeWord("TUMBLE")) {
    window.kind = Kind::kTumbling;
  } else if (TakeWord("SLIDING") || TakeWord("HOPPING") || TakeWord("HOP")) {
    window.kind = Kind::kSliding;
  } else if (TakeWord("SESSION")) {
    window.kind = Kind::kSession;
  } else if (TakeWord("CUMULATING") || TakeWord("CUMULATE")) {
    window.kind = Kind::kCumulating;
  } else {
    return Unexpected("TUMBLING, SLIDING, SESSION or CUMULATING");
  }
  if (AtSymbol("(")) {
    ARROW_RETURN_NOT_OK(ParseTimeWindowArguments(&window));
  } else {
    // TUMBLING PARTITION BY k EVERY 5 MINUTES
    if (TakeWords({"PARTITION", "BY"})) {
      ARROW_ASSIGN_OR_RAISE(window.partition_by, ParseExprList());
    }
    if (window.kind != Kind::kTumbling) return Unexpected("(");
    ARROW_RETURN_NOT_OK(ExpectWord("EVERY"));
    ARROW_ASSIGN_OR_RAISE(window.size, ParseDuration());
  }
  while (true) {
    if (AtWord("OFFSET") && !window.offset) {
      const size_t begin = at_;
      Advance();
      if (!AtDuration()) {
        at_ = begin;  // OFFSET 5 of the query
        return window;
      }
      ARROW_ASSIGN_OR_RAISE(window.offset, ParseDuration());
    } else if (AtWords({"TIME", "ZONE"})) {
      if (window.time_zone) return Duplicate("TIME ZONE");
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(window.time_zone, ParseStringToken("'a time zone'"));
    } else {
      return window;
    }
  }
}

// (5m), (ts, 5m), (5m, ts), (10m, 2m), (ts, 30s, key): durations in order are size and
// advance (step and size for CUMULATING; of a session the gap and perhaps the greatest
// length), the first name is the time column, others are
// keys of a session.
Status Parser::ParseTimeWindowArguments(TimeWindow* window) {
  const Location where = Here();
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  std::vector<Duration> durations;
  do {
    if (AtDuration()) {
      ARROW_ASSIGN_OR_RAISE(Duration duration, ParseDuration());
      durations.push_back(duration);
    } else if (AtName() && !window->time_column) {
      ARROW_ASSIGN_OR_RAISE(window->time_column, ParsePath("a column or a duration"));
    } else if (AtName() && window->kind == TimeWindow::Kind::kSession) {
      ARROW_ASSIGN_OR_RAISE(ExpressionPtr key, ParseExpr());
      window->partition_by.push_back(std::move(key));
    } else {
      return Unexpected("a duration such as 5m or INTERVAL '5' MINUTE");
    }
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  const bool two = window->kind == TimeWindow::Kind::kSliding ||
                   window->kind == TimeWindow::Kind::kCumulating;
  const bool may_have_two = two || window->kind == TimeWindow::Kind::kSession;
  if (durations.size() < (two ? 2U : 1U) || durations.size() > (may_have_two ? 2U : 1U)) {
    return errors::kSqlSyntax.Make(
        where.ToWhere(), "found {} durations, expected {}", durations.size(),
        window->kind == TimeWindow::Kind::kCumulating ? "two: the step and the size"
        : two                                         ? "two: the size and the advance"
                                                      : "one");
  }
  const bool step_first = window->kind == TimeWindow::Kind::kCumulating;
  window->size = durations[step_first ? 1 : 0];
  if (durations.size() == 2) window->step = durations[step_first ? 0 : 1];
  return Status::OK();
}

}  // namespace millrace::sql
