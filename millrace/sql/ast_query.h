// Queries as parsed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/sql/ast_expression.h"

namespace millrace::sql {

struct TableRef;
struct QueryBody;
using TableRefPtr = std::shared_ptr<const TableRef>;
using QueryBodyPtr = std::shared_ptr<const QueryBody>;

/// 'key' = 'value' of WITH (…). Values travel as text; connectors give them types.
struct Property {
  std::string key;
  std::string value;
  Location where;
};

// --- windows of time ----------------------------------------------------------------

/// WINDOW TUMBLING(…) and its sisters, whatever the spelling.
struct TimeWindow {
  enum class Kind { kTumbling, kSliding, kSession, kCumulating };
  Kind kind = Kind::kTumbling;
  std::optional<Path> time_column;  ///< absent: the event time of the input
  Duration size;                    ///< kSession: the gap
  std::optional<Duration>
      step;  ///< kSliding: advance; kCumulating: step; kSession: greatest length
  std::vector<ExpressionPtr> partition_by;
  std::optional<Duration> offset;
  std::optional<std::string> time_zone;
  Location where;
};

// --- FROM ---------------------------------------------------------------------------

struct TableAlias {
  std::optional<Identifier> name;
  std::vector<Identifier> columns;
};

/// A name, or the path of a file.
struct NamedTable {
  Path path;         ///< empty when `file` is set
  std::string file;  ///< 'orders/*.parquet'
  std::vector<Property> properties;
  ExpressionPtr as_of;  ///< FOR SYSTEM_TIME AS OF x
};

struct SubqueryTable {
  QueryPtr query;
  bool lateral = false;
};

/// One argument of a table function: an expression, or TABLE t [PARTITION BY …].
struct TableArgument {
  std::optional<Identifier> name;
  ExpressionPtr value;  ///< null when `table` is set
  TableRefPtr table;
  std::vector<ExpressionPtr> partition_by;
};

struct TableFunction {
  Identifier name;
  std::vector<TableArgument> arguments;
};

struct Join {
  enum class Kind { kInner, kLeft, kRight, kFull, kCross };
  Kind kind = Kind::kInner;
  TableRefPtr left, right;
  bool natural = false;
  ExpressionPtr on;  ///< may be null
  std::vector<Identifier> using_columns;
  std::optional<Duration> within;
};

struct TableRef {
  std::variant<NamedTable, SubqueryTable, TableFunction, Join> node;
  TableAlias alias;
  Location where;
};

// --- SELECT -------------------------------------------------------------------------

struct SelectItem {
  ExpressionPtr value;
  std::optional<Identifier> alias;
  bool primary_key = false;
};

struct GroupItem {
  enum class Kind { kExpression, kRollup, kCube, kGroupingSets };
  Kind kind = Kind::kExpression;
  ExpressionPtr value;                           ///< kExpression
  std::vector<std::vector<ExpressionPtr>> sets;  ///< the others: each element one set
  Location where;
};

struct Select {
  bool distinct = false;
  std::vector<ExpressionPtr> distinct_on;
  std::vector<SelectItem> items;
  std::vector<TableRefPtr> from;  ///< more than one: a cross join
  ExpressionPtr where_condition;  ///< may be null, like having and qualify
  bool group_by_all = false;
  std::vector<GroupItem> group_by;
  ExpressionPtr having;
  ExpressionPtr qualify;
  std::optional<TimeWindow> window;
  std::vector<std::pair<Identifier, OverWindow>> named_windows;
};

struct Values {
  std::vector<std::vector<ExpressionPtr>> rows;
};

struct SetOperation {
  enum class Op { kUnion, kExcept, kIntersect };
  Op op = Op::kUnion;
  bool all = false;
  QueryBodyPtr left, right;
};

/// A query in parentheses as an operand of UNION.
struct NestedQuery {
  QueryPtr query;
};

struct QueryBody {
  std::variant<Select, Values, SetOperation, NestedQuery> node;
  Location where;
  int32_t depth = 1;
};

struct EmitClause {
  enum class Mode { kChanges, kFinal, kEvery, kOnWindowClose };
  Mode mode = Mode::kChanges;
  std::optional<Duration> every;
  Location where;
};

struct IntoClause {
  Path path;  ///< empty when `file` is set
  std::string file;
  Location where;
};

struct CommonTable {
  Identifier name;
  std::vector<Identifier> columns;
  QueryPtr query;
};

struct Query {
  bool recursive = false;
  std::vector<CommonTable> with;
  QueryBodyPtr body;
  std::vector<OrderItem> order_by;
  ExpressionPtr limit;   ///< may be null
  ExpressionPtr offset;  ///< may be null
  std::optional<Duration> grace;
  std::optional<EmitClause> emit;
  std::optional<IntoClause> late_into;
  std::optional<IntoClause> into;
  std::vector<Property> properties;
  Location where;
  int32_t depth = 1;
};

}  // namespace millrace::sql
