// Statements as parsed, and their text.
//
// ToSql gives canonical SQL: parsing it again gives a tree with the same text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "millrace/sql/ast_expression.h"
#include "millrace/sql/ast_query.h"

namespace millrace::sql {

struct Statement;
using StatementPtr = std::shared_ptr<const Statement>;

struct QueryStatement {
  QueryPtr query;
};

struct ColumnDefinition {
  Identifier name;
  std::optional<TypeName> type;  ///< absent only where `computed` or `primary_key` is set
  bool not_null = false;
  bool primary_key = false;
  std::optional<std::string> metadata_key;  ///< METADATA [FROM 'key']; empty: the name
  ExpressionPtr computed;                   ///< AS expr
  ExpressionPtr default_value;              ///< DEFAULT expr
};

struct WatermarkDefinition {
  Path column;
  ExpressionPtr value;
  Location where;
};

/// [CONSTRAINT name] CHECK (condition), of the table or of a column.
struct CheckDefinition {
  std::optional<Identifier> name;
  ExpressionPtr condition;
};

struct CreateStatement {
  enum class Kind { kSource, kSink, kTable, kStream, kView, kMaterializedView };
  Kind kind = Kind::kTable;
  bool or_replace = false;
  bool if_not_exists = false;
  bool temporary = false;
  Path name;
  std::vector<ColumnDefinition> columns;
  std::vector<Identifier> primary_key;
  std::vector<CheckDefinition> checks;  ///< of columns, too
  std::optional<WatermarkDefinition> watermark;
  std::vector<Property> properties;
  QueryPtr query;  ///< AS SELECT …; may be null
};

struct InsertStatement {
  Path table;  ///< empty when `file` is set
  std::string file;
  bool overwrite = false;
  std::vector<Identifier> columns;
  QueryPtr query;
};

struct ExplainStatement {
  enum class Mode { kPlan, kAnalyze, kWatermark };
  Mode mode = Mode::kPlan;
  StatementPtr statement;
};

/// DESCRIBE or SUMMARIZE of a table, a file or a query: exactly one is set.
struct DescribeStatement {
  bool summarize = false;
  Path table;
  std::string file;
  QueryPtr query;
};

struct ShowStatement {
  std::string what;  ///< upper case: TABLES, FUNCTIONS, JOBS …
  Path target;       ///< SHOW SCHEMA s
  std::optional<std::string> like;
};

struct DropStatement {
  CreateStatement::Kind kind = CreateStatement::Kind::kTable;
  bool if_exists = false;
  Path name;
};

/// SET k = v; without a value: RESET k.
struct SetStatement {
  std::string key;
  std::optional<std::string> value;
};

/// START, STOP, PAUSE, RESUME, DEPLOY or ROLLBACK JOB.
struct JobStatement {
  enum class Action { kStart, kStop, kPause, kResume, kDeploy, kRollback };
  Action action = Action::kStart;
  Identifier name;
  std::optional<std::string> version;
  StatementPtr statement;  ///< AS …; may be null
  std::string strategy;    ///< upper case; empty when not given
  std::optional<int64_t> canary_percent;
  std::vector<Property> properties;
};

struct Statement {
  std::variant<QueryStatement, CreateStatement, InsertStatement, ExplainStatement,
               DescribeStatement, ShowStatement, DropStatement, SetStatement,
               JobStatement>
      node;
  std::vector<Annotation> annotations;
  Location where;
};

/// Statements in order.
struct Script {
  std::vector<StatementPtr> statements;
};

std::string ToSql(const Expression& expression);
std::string ToSql(const Query& query);
std::string ToSql(const Statement& statement);
/// Each statement ends with ";\n".
std::string ToSql(const Script& script);

/// `identifier`, in quotes where it must have them.
std::string ToSql(const Identifier& identifier);
std::string ToSql(const Path& path);
/// 'text'
std::string QuoteString(std::string_view text);

}  // namespace millrace::sql
