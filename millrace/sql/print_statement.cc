// Canonical text of statements.
#include "millrace/sql/printer_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

namespace {

std::string_view KindText(CreateStatement::Kind kind) {
  switch (kind) {
    case CreateStatement::Kind::kSource: return "SOURCE ";
    case CreateStatement::Kind::kSink: return "SINK ";
    case CreateStatement::Kind::kTable: return "TABLE ";
    case CreateStatement::Kind::kStream: return "STREAM ";
    case CreateStatement::Kind::kView: return "VIEW ";
    case CreateStatement::Kind::kMaterializedView: return "MATERIALIZED VIEW ";
  }
  return "";
}

std::string_view ActionText(JobStatement::Action action) {
  switch (action) {
    case JobStatement::Action::kStart: return "START JOB ";
    case JobStatement::Action::kStop: return "STOP JOB ";
    case JobStatement::Action::kPause: return "PAUSE JOB ";
    case JobStatement::Action::kResume: return "RESUME JOB ";
    case JobStatement::Action::kDeploy: return "DEPLOY JOB ";
    case JobStatement::Action::kRollback: return "ROLLBACK JOB ";
  }
  return "";
}

}  // namespace

void Printer::StatementText(const Statement& statement) {
  for (const Annotation& annotation : statement.annotations) {
    Text("-- @" + annotation.name);
    if (!annotation.value.empty()) Text(": " + annotation.value);
    Text("\n");
  }
  std::visit(*this, statement.node);
}

void Printer::operator()(const QueryStatement& node) { QueryText(*node.query); }

void Printer::operator()(const CreateStatement& node) {
  Text(node.or_replace ? "CREATE OR REPLACE " : "CREATE ");
  if (node.temporary) Text("TEMPORARY ");
  Text(KindText(node.kind));
  if (node.if_not_exists) Text("IF NOT EXISTS ");
  PathText(node.name);
  if (!node.columns.empty() || !node.primary_key.empty() || node.watermark ||
      !node.checks.empty()) {
    Text(" (");
    List(node.columns, [&](const ColumnDefinition& column) { Column(column); });
    std::string_view gap = node.columns.empty() ? "" : ", ";
    if (!node.primary_key.empty()) {
      Text(gap);
      gap = ", ";
      Text("PRIMARY KEY (");
      Ids(node.primary_key);
      Text(")");
    }
    for (const CheckDefinition& check : node.checks) {
      Text(gap);
      gap = ", ";
      if (check.name) {
        Text("CONSTRAINT ");
        Id(*check.name);
        Text(" ");
      }
      Text("CHECK (");
      Expr(*check.condition);
      Text(")");
    }
    if (node.watermark) {
      Text(gap);
      Text("WATERMARK FOR ");
      PathText(node.watermark->column);
      Text(" AS ");
      Expr(*node.watermark->value);
    }
    Text(")");
  }
  if (!node.properties.empty()) {
    Text(" WITH ");
    Properties(node.properties);
  }
  if (node.query != nullptr) {
    Text(" AS ");
    QueryText(*node.query);
  }
}

void Printer::Column(const ColumnDefinition& column) {
  Id(column.name);
  if (column.type) Text(" " + TypeToSql(*column.type->type));
  if (column.computed != nullptr) {
    Text(" AS ");
    Expr(*column.computed, 7);
  }
  if (column.metadata_key) {
    Text(" METADATA");
    if (!column.metadata_key->empty()) {
      Text(" FROM ");
      String(*column.metadata_key);
    }
  }
  if (column.default_value != nullptr) {
    Text(" DEFAULT ");
    Expr(*column.default_value, 7);
  }
  if (column.not_null) Text(" NOT NULL");
  if (column.primary_key) Text(" PRIMARY KEY");
}

void Printer::operator()(const InsertStatement& node) {
  Text(node.overwrite ? "INSERT OVERWRITE " : "INSERT INTO ");
  Target(node.table, node.file);
  if (!node.columns.empty()) {
    Text(" (");
    Ids(node.columns);
    Text(")");
  }
  Text(" ");
  QueryText(*node.query);
}

void Printer::operator()(const ExplainStatement& node) {
  switch (node.mode) {
    case ExplainStatement::Mode::kPlan: Text("EXPLAIN "); break;
    case ExplainStatement::Mode::kAnalyze: Text("EXPLAIN ANALYZE "); break;
    case ExplainStatement::Mode::kWatermark: Text("EXPLAIN WATERMARK "); break;
  }
  std::visit(*this, node.statement->node);
}

void Printer::operator()(const DescribeStatement& node) {
  Text(node.summarize ? "SUMMARIZE " : "DESCRIBE ");
  if (node.query != nullptr) {
    QueryText(*node.query);
  } else {
    Target(node.table, node.file);
  }
}

void Printer::operator()(const ShowStatement& node) {
  Text("SHOW " + node.what);
  if (!node.target.empty()) {
    Text(" ");
    PathText(node.target);
  }
  if (node.like) {
    Text(" LIKE ");
    String(*node.like);
  }
}

void Printer::operator()(const DropStatement& node) {
  Text("DROP ");
  Text(KindText(node.kind));
  if (node.if_exists) Text("IF EXISTS ");
  PathText(node.name);
}

void Printer::operator()(const SetStatement& node) {
  Text(node.value ? "SET " : "RESET ");
  String(node.key);
  if (!node.value) return;
  Text(" = ");
  String(*node.value);
}

void Printer::operator()(const JobStatement& node) {
  Text(ActionText(node.action));
  Id(node.name);
  if (node.version) {
    Text(" VERSION ");
    String(*node.version);
  }
  if (!node.properties.empty()) {
    Text(" WITH ");
    Properties(node.properties);
  }
  if (node.statement != nullptr) {
    Text(" AS ");
    std::visit(*this, node.statement->node);
  }
  if (!node.strategy.empty()) {
    Text(" STRATEGY " + node.strategy);
    if (node.canary_percent) Text(fmt::format("({})", *node.canary_percent));
  }
}

std::string ToSql(const Statement& statement) {
  Printer printer;
  printer.StatementText(statement);
  return printer.Take();
}

std::string ToSql(const Script& script) {
  std::string out;
  for (const StatementPtr& statement : script.statements) {
    out += ToSql(*statement) + ";\n";
  }
  return out;
}

}  // namespace millrace::sql
