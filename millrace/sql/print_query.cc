// Canonical text of queries.
#include "millrace/sql/printer_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

void Printer::QueryText(const Query& query) {
  if (!query.with.empty()) {
    Text(query.recursive ? "WITH RECURSIVE " : "WITH ");
    List(query.with, [&](const CommonTable& table) {
      Id(table.name);
      if (!table.columns.empty()) {
        Text(" (");
        Ids(table.columns);
        Text(")");
      }
      Text(" AS (");
      QueryText(*table.query);
      Text(")");
    });
    Text(" ");
  }
  Body(*query.body);
  if (!query.order_by.empty()) {
    Text(" ");
    OrderBy(query.order_by);
  }
  if (query.limit != nullptr) {
    Text(" LIMIT ");
    Expr(*query.limit);
  }
  if (query.offset != nullptr) {
    Text(" OFFSET ");
    // Bare, an interval would be the offset of a window that ends the query before it.
    const bool interval = query.limit == nullptr && query.order_by.empty();
    if (interval) Text("(");
    Expr(*query.offset);
    if (interval) Text(")");
  }
  if (query.grace) {
    Text(" GRACE PERIOD ");
    Span(*query.grace);
  }
  if (query.emit) {
    switch (query.emit->mode) {
      case EmitClause::Mode::kChanges: Text(" EMIT CHANGES"); break;
      case EmitClause::Mode::kFinal: Text(" EMIT FINAL"); break;
      case EmitClause::Mode::kOnWindowClose: Text(" EMIT ON WINDOW CLOSE"); break;
      case EmitClause::Mode::kEvery:
        Text(" EMIT EVERY ");
        Span(*query.emit->every);
        break;
    }
  }
  if (query.late_into) {
    Text(" LATE INTO ");
    Target(query.late_into->path, query.late_into->file);
  }
  if (query.into) {
    Text(" INTO ");
    Target(query.into->path, query.into->file);
  }
  if (!query.properties.empty()) {
    Text(" WITH ");
    Properties(query.properties);
  }
}

void Printer::Target(const Path& path, const std::string& file) {
  if (path.empty()) {
    String(file);
  } else {
    PathText(path);
  }
}

void Printer::Properties(const std::vector<Property>& properties) {
  Text("(");
  List(properties, [&](const Property& property) {
    String(property.key);
    Text(" = ");
    String(property.value);
  });
  Text(")");
}

void Printer::Body(const QueryBody& body) { std::visit(*this, body.node); }

void Printer::operator()(const NestedQuery& node) {
  Text("(");
  QueryText(*node.query);
  Text(")");
}

void Printer::operator()(const SetOperation& node) {
  // The tree that the parser makes has no other operand to the right than one that binds
  // tighter, so no parentheses are needed.
  Body(*node.left);
  switch (node.op) {
    case SetOperation::Op::kUnion: Text(" UNION "); break;
    case SetOperation::Op::kExcept: Text(" EXCEPT "); break;
    case SetOperation::Op::kIntersect: Text(" INTERSECT "); break;
  }
  if (node.all) Text("ALL ");
  Body(*node.right);
}

void Printer::operator()(const Values& node) {
  Text("VALUES ");
  List(node.rows, [&](const auto& row) {
    Text("(");
    Exprs(row);
    Text(")");
  });
}

void Printer::operator()(const Select& node) {
  Text("SELECT ");
  if (node.distinct) Text("DISTINCT ");
  if (!node.distinct_on.empty()) {
    Text("ON (");
    Exprs(node.distinct_on);
    Text(") ");
  }
  List(node.items, [&](const SelectItem& item) {
    Expr(*item.value);
    if (item.alias) {
      Text(" AS ");
      Id(*item.alias);
    }
    if (item.primary_key) Text(" PRIMARY KEY");
  });
  if (!node.from.empty()) {
    Text(" FROM ");
    List(node.from, [&](const TableRefPtr& table) { Table(*table); });
  }
  if (node.where_condition != nullptr) {
    Text(" WHERE ");
    Expr(*node.where_condition);
  }
  if (node.group_by_all) Text(" GROUP BY ALL");
  if (!node.group_by.empty()) {
    Text(" GROUP BY ");
    List(node.group_by, [&](const GroupItem& item) { Group(item); });
  }
  if (node.having != nullptr) {
    Text(" HAVING ");
    Expr(*node.having);
  }
  if (node.qualify != nullptr) {
    Text(" QUALIFY ");
    Expr(*node.qualify);
  }
  if (!node.named_windows.empty()) {
    Text(" WINDOW ");
    List(node.named_windows, [&](const auto& window) {
      Id(window.first);
      Text(" AS (");
      Over(window.second);
      Text(")");
    });
  }
  if (node.window) {
    Text(" WINDOW ");
    Time(*node.window);
  }
}

void Printer::Group(const GroupItem& item) {
  switch (item.kind) {
    case GroupItem::Kind::kExpression: Expr(*item.value); return;
    case GroupItem::Kind::kRollup: Text("ROLLUP ("); break;
    case GroupItem::Kind::kCube: Text("CUBE ("); break;
    case GroupItem::Kind::kGroupingSets: Text("GROUPING SETS ("); break;
  }
  List(item.sets, [&](const std::vector<ExpressionPtr>& set) {
    Text("(");
    Exprs(set);
    Text(")");
  });
  Text(")");
}

void Printer::Time(const TimeWindow& window) {
  if (window.kind == TimeWindow::Kind::kTumbling && !window.partition_by.empty()) {
    Text("TUMBLING PARTITION BY ");
    Exprs(window.partition_by);
    Text(" EVERY ");
    Span(window.size);
  } else {
    switch (window.kind) {
      case TimeWindow::Kind::kTumbling: Text("TUMBLING("); break;
      case TimeWindow::Kind::kSliding: Text("SLIDING("); break;
      case TimeWindow::Kind::kSession: Text("SESSION("); break;
      case TimeWindow::Kind::kCumulating: Text("CUMULATING("); break;
    }
    if (window.time_column) {
      PathText(*window.time_column);
      Text(", ");
    }
    if (window.kind == TimeWindow::Kind::kCumulating) {
      Span(*window.step);
      Text(", ");
    }
    Span(window.size);
    if (window.step && window.kind != TimeWindow::Kind::kCumulating) {
      Text(", ");
      Span(*window.step);
    }
    for (const ExpressionPtr& key : window.partition_by) {
      Text(", ");
      Expr(*key);
    }
    Text(")");
  }
  if (window.offset) {
    Text(" OFFSET ");
    Span(*window.offset);
  }
  if (window.time_zone) {
    Text(" TIME ZONE ");
    String(*window.time_zone);
  }
}

// --- tables -------------------------------------------------------------------------

void Printer::Table(const TableRef& table) {
  std::visit(*this, table.node);
  if (!table.alias.name) return;
  Text(" AS ");
  Id(*table.alias.name);
  if (table.alias.columns.empty()) return;
  Text(" (");
  Ids(table.alias.columns);
  Text(")");
}

void Printer::operator()(const NamedTable& node) {
  Target(node.path, node.file);
  if (node.as_of != nullptr) {
    Text(" FOR SYSTEM_TIME AS OF ");
    Expr(*node.as_of);
  }
  if (!node.properties.empty()) {
    Text(" WITH ");
    Properties(node.properties);
  }
}

void Printer::operator()(const SubqueryTable& node) {
  Text(node.lateral ? "LATERAL (" : "(");
  QueryText(*node.query);
  Text(")");
}

void Printer::operator()(const TableFunction& node) {
  FunctionName(node.name);
  Text("(");
  List(node.arguments, [&](const TableArgument& argument) { Argument(argument); });
  Text(")");
}

void Printer::Argument(const TableArgument& argument) {
  if (argument.name) {
    Id(*argument.name);
    Text(" => ");
  }
  if (argument.table == nullptr) {
    Expr(*argument.value);
    return;
  }
  Text("TABLE ");
  Table(*argument.table);
  if (argument.partition_by.empty()) return;
  Text(" PARTITION BY ");
  const bool several = argument.partition_by.size() > 1;
  if (several) Text("(");
  Exprs(argument.partition_by);
  if (several) Text(")");
}

void Printer::operator()(const Join& node) {
  Table(*node.left);
  if (node.natural) Text(" NATURAL");
  switch (node.kind) {
    case Join::Kind::kInner: Text(" JOIN "); break;
    case Join::Kind::kLeft: Text(" LEFT JOIN "); break;
    case Join::Kind::kRight: Text(" RIGHT JOIN "); break;
    case Join::Kind::kFull: Text(" FULL JOIN "); break;
    case Join::Kind::kCross: Text(" CROSS JOIN "); break;
  }
  const bool nested = std::holds_alternative<Join>(node.right->node);
  if (nested) Text("(");
  Table(*node.right);
  if (nested) Text(")");
  if (node.within) {
    Text(" WITHIN ");
    Span(*node.within);
  }
  if (node.on != nullptr) {
    Text(" ON ");
    Expr(*node.on);
  }
  if (!node.using_columns.empty()) {
    Text(" USING (");
    Ids(node.using_columns);
    Text(")");
  }
}

std::string ToSql(const Query& query) {
  Printer printer;
  printer.QueryText(query);
  return printer.Take();
}

}  // namespace millrace::sql
