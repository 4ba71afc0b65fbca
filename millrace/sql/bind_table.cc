// FROM: tables, views, files, subqueries and TUMBLE.
#include <arrow/type.h>

#include "millrace/plan/project_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/window_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"
#include "millrace/sql/statement_planner_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using plan::NodePtr;

namespace {

// orders.csv without quotes is a path with a table called orders.
bool LooksLikeFile(const Path& path) {
  static constexpr std::string_view kExtensions[] = {"csv",     "tsv",    "json", "jsonl",
                                                     "parquet", "ndjson", "arrow"};
  if (path.size() < 2) return false;
  for (std::string_view extension : kExtensions) {
    if (EqualsIgnoreCase(path.back().text, extension)) return true;
  }
  return false;
}

}  // namespace

Result<Relation> QueryBinder::BindFrom(const Select& select) {
  Relation out;
  for (size_t i = 0; i < select.from.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(Relation next, BindTable(*select.from[i]));
    if (i == 0) {
      out = std::move(next);
    } else {
      ARROW_ASSIGN_OR_RAISE(
          out, CrossJoin(std::move(out), std::move(next), select.from[i]->where));
    }
  }
  return out;
}

Result<Relation> QueryBinder::BindTable(const TableRef& table) {
  if (const auto* named = std::get_if<NamedTable>(&table.node)) {
    return BindNamedTable(*named, table.alias, table.where);
  }
  if (const auto* subquery = std::get_if<SubqueryTable>(&table.node)) {
    if (subquery->lateral) return NotSupported(table.where, "LATERAL");
    return BindSubquery(*subquery->query, table.alias, table.where);
  }
  if (const auto* function = std::get_if<TableFunction>(&table.node)) {
    return BindTableFunction(*function, table.alias, table.where);
  }
  return BindJoin(std::get<Join>(table.node), table.where);
}

// AS t (a, b): other names for the first columns.
Status QueryBinder::NameColumns(const TableAlias& alias, Location where, Scope* scope) {
  if (alias.columns.size() > scope->columns.size()) {
    return errors::kSqlColumnCount.Make(where.ToWhere(), "{} names for {} columns",
                                        alias.columns.size(), scope->columns.size());
  }
  for (size_t i = 0; i < alias.columns.size(); ++i) {
    scope->columns[i].name = alias.columns[i].text;
  }
  return Status::OK();
}

// The rows of `node` under the alias, or under `name` without one.
Result<Relation> QueryBinder::Rename(NodePtr node, const std::string& name,
                                     const TableAlias& alias, Location where) {
  Relation out = MakeRelation(std::move(node), alias.name ? alias.name->text : name);
  ARROW_RETURN_NOT_OK(NameColumns(alias, where, &out.scope));
  return out;
}

Result<Relation> QueryBinder::BindSubquery(const Query& query, const TableAlias& alias,
                                           Location where) {
  ARROW_ASSIGN_OR_RAISE(NodePtr node, BindQuery(query));
  return Rename(std::move(node), "", alias, where);
}

Result<Relation> QueryBinder::BindNamedTable(const NamedTable& table,
                                             const TableAlias& alias, Location where) {
  if (table.as_of != nullptr) return NotSupported(where, "FOR SYSTEM_TIME AS OF");
  if (!table.properties.empty()) {
    return NotSupported(table.properties[0].where, "WITH (…) after a table of FROM");
  }
  plan::TablePtr found;
  std::string name;
  if (table.path.empty()) {
    Result<plan::TablePtr> file = context_.catalog->TableOfPath(table.file);
    if (!file.ok()) return WithWhere(file.status(), where.ToWhere());
    found = std::move(*file);
    // 'data/orders.csv' is known as orders.
    name = table.file.substr(table.file.find_last_of('/') + 1);
    name = name.substr(0, name.find('.'));
  } else {
    name = table.path.back().text;
    const std::string full = CatalogName(table.path);
    for (auto scope = common_; scope != nullptr; scope = scope->outer) {
      if (table.path.size() > 1 || !EqualsIgnoreCase(scope->table->name.text, full)) {
        continue;
      }
      const auto here = common_;
      common_ = scope->outer;
      Result<NodePtr> node = BindQuery(*scope->table->query);
      common_ = here;
      ARROW_RETURN_NOT_OK(node.status());
      const TableAlias own{scope->table->name, scope->table->columns};
      ARROW_ASSIGN_OR_RAISE(Relation out, Rename(std::move(*node), "", own, where));
      if (alias.name) {
        for (ScopeColumn& column : out.scope.columns) column.table = alias.name->text;
      }
      ARROW_RETURN_NOT_OK(NameColumns(alias, where, &out.scope));
      return out;
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr view, context_.catalog->FindView(full));
    if (view != nullptr) return Rename(std::move(view), name, alias, where);
    Result<plan::TablePtr> known = context_.catalog->FindTable(full);
    if (!known.ok()) return WithWhere(known.status(), where.ToWhere());
    found = std::move(*known);
    if (found == nullptr) {
      if (LooksLikeFile(table.path)) {
        return errors::kSqlUnknownTable.Make(where.ToWhere(),
                                             "{}; for the file write '{}'", full, full);
      }
      std::vector<std::string> names = context_.catalog->Names();
      for (auto scope = common_; scope != nullptr; scope = scope->outer) {
        names.push_back(scope->table->name.text);
      }
      return errors::kSqlUnknownTable.Make(where.ToWhere(), "{}{}", full,
                                           Suggest(full, names));
    }
  }
  if (!found->can_read || found->schema == nullptr) {
    return errors::kSqlWrongObject.Make(where.ToWhere(), "{} can only be written to",
                                        found->name);
  }
  const std::optional<plan::WatermarkSpec> watermark = found->watermark;
  ARROW_ASSIGN_OR_RAISE(
      Relation out, Rename(plan::ScanNode::Make(std::move(found)), name, alias, where));
  if (watermark) out.scope.event_time = watermark->column;
  return out;
}

// --- windows ------------------------------------------------------------------------

Result<int64_t> MicrosOf(const Duration& duration) {
  const Interval& value = duration.value;
  int64_t micros = 0;
  if (value.months != 0) {
    return errors::kSqlBadWindow.Make(duration.where.ToWhere(),
                                      "months and years have no fixed length");
  }
  if (value.nanos % 1000 != 0 ||
      __builtin_mul_overflow(value.days, int64_t{86'400'000'000}, &micros) ||
      __builtin_add_overflow(micros, value.nanos / 1000, &micros)) {
    return errors::kSqlBadWindow.Make(duration.where.ToWhere(),
                                      "{} is not a whole number of microseconds",
                                      IntervalToSql(value));
  }
  return micros;
}

Result<int> EventTimeColumn(const ExprPtr& column, Location where, Relation* relation) {
  const auto* type = column->type()->id() == arrow::Type::TIMESTAMP
                         ? static_cast<const arrow::TimestampType*>(column->type().get())
                         : nullptr;
  if (type == nullptr && column->type()->id() != arrow::Type::DATE32) {
    return errors::kSqlBadWindow.Make(where.ToWhere(),
                                      "the time column is no timestamp but {}",
                                      column->type()->ToString());
  }
  const bool micros = type != nullptr && type->unit() == arrow::TimeUnit::MICRO;
  if (micros && column->kind() == expr::ExprKind::kColumn) return column->column();
  std::vector<ExprPtr> columns;
  std::vector<std::string> names;
  for (int i = 0; i < relation->node->schema()->num_fields(); ++i) {
    columns.push_back(ColumnOf(*relation->node, i));
    names.push_back(columns.back()->name());
  }
  columns.push_back(expr::Expr::Cast(
      column,
      arrow::timestamp(arrow::TimeUnit::MICRO, type == nullptr ? "" : type->timezone())));
  names.emplace_back("event_time");
  relation->node = plan::ProjectNode::Make(std::move(relation->node), std::move(columns),
                                           std::move(names));
  return relation->node->schema()->num_fields() - 1;
}

namespace {

// The time column of TUMBLE: DESCRIPTOR(ts) or ts.
Result<Path> DescriptorOf(const TableArgument& argument) {
  const Expression* value = argument.value.get();
  if (value != nullptr) {
    if (const auto* call = value->As<FunctionCall>();
        call != nullptr && EqualsIgnoreCase(call->name.text, "descriptor") &&
        call->arguments.size() == 1) {
      value = call->arguments[0].value.get();
    }
    if (const auto* name = value->As<Name>()) return name->path;
    return errors::kSqlBadWindow.Make(value->where.ToWhere(),
                                      "the second argument is DESCRIPTOR(time_column)");
  }
  return errors::kSqlBadWindow.Make(argument.table->where.ToWhere(),
                                    "the second argument is DESCRIPTOR(time_column)");
}

Result<Duration> DurationOf(const TableArgument& argument) {
  if (argument.value != nullptr) {
    const auto* literal = argument.value->As<Literal>();
    if (literal != nullptr && literal->kind == Literal::Kind::kInterval) {
      return Duration{literal->interval, argument.value->where};
    }
    if (const auto* minus = argument.value->As<Unary>();
        minus != nullptr && minus->op == Unary::Op::kMinus) {
      literal = minus->operand->As<Literal>();
      if (literal != nullptr && literal->kind == Literal::Kind::kInterval) {
        const Interval& value = literal->interval;
        return Duration{{-value.months, -value.days, -value.nanos},
                        argument.value->where};
      }
    }
  }
  const Location where =
      argument.value != nullptr ? argument.value->where : argument.table->where;
  return errors::kSqlBadWindow.Make(where.ToWhere(), "expected INTERVAL '5' MINUTE");
}

}  // namespace

// TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset]), TUMBLE(t, ts, size [, offset]).
Result<Relation> QueryBinder::BindTableFunction(const TableFunction& function,
                                                const TableAlias& alias, Location where) {
  const std::string name = ToUpper(function.name.text);
  if (name != "TUMBLE") {
    for (const char* known : {"HOP", "CUMULATE", "SESSION"}) {
      if (name == known) {
        return NotSupported(where, fmt::format("the table function {}", name));
      }
    }
    return errors::kSqlUnknownTable.Make(
        where.ToWhere(), "table function {}{}", function.name.text,
        Suggest(function.name.text, {"TUMBLE", "HOP", "CUMULATE", "SESSION"}));
  }
  const auto& arguments = function.arguments;
  if (arguments.size() != 3 && arguments.size() != 4) {
    return errors::kSqlBadWindow.Make(
        where.ToWhere(),
        "TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset]) has {} "
        "arguments here",
        arguments.size());
  }
  for (const TableArgument& argument : arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
    if (!argument.partition_by.empty()) {
      return NotSupported(where, "PARTITION BY in TUMBLE");
    }
  }
  Relation input;
  if (arguments[0].table != nullptr) {
    ARROW_ASSIGN_OR_RAISE(input, BindTable(*arguments[0].table));
  } else if (const auto* table = arguments[0].value->As<Name>()) {
    NamedTable named;
    named.path = table->path;
    ARROW_ASSIGN_OR_RAISE(input, BindNamedTable(named, {}, arguments[0].value->where));
  } else if (const auto* file = arguments[0].value->As<Literal>();
             file != nullptr && file->kind == Literal::Kind::kString) {
    NamedTable named;
    named.file = file->text;
    ARROW_ASSIGN_OR_RAISE(input, BindNamedTable(named, {}, arguments[0].value->where));
  } else if (const auto* query = arguments[0].value->As<ScalarQuery>()) {
    ARROW_ASSIGN_OR_RAISE(input,
                          BindSubquery(*query->query, {}, arguments[0].value->where));
  } else {
    return errors::kSqlBadWindow.Make(arguments[0].value->where.ToWhere(),
                                      "the first argument is a table");
  }
  ARROW_ASSIGN_OR_RAISE(Path time, DescriptorOf(arguments[1]));
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, input.scope.Find(time));
  ARROW_ASSIGN_OR_RAISE(Duration size, DurationOf(arguments[2]));
  plan::TumblingWindow window;
  ARROW_ASSIGN_OR_RAISE(window.size_micros, MicrosOf(size));
  if (window.size_micros <= 0) {
    return errors::kSqlBadWindow.Make(size.where.ToWhere(), "the size must be positive");
  }
  if (arguments.size() == 4) {
    ARROW_ASSIGN_OR_RAISE(Duration offset, DurationOf(arguments[3]));
    ARROW_ASSIGN_OR_RAISE(window.offset_micros, MicrosOf(offset));
  }
  ARROW_ASSIGN_OR_RAISE(window.time_column,
                        EventTimeColumn(column->value, time[0].where, &input));
  const int first = input.node->schema()->num_fields();
  Relation out;
  out.node = plan::WindowNode::Make(std::move(input.node), window);
  out.scope = std::move(input.scope);
  const std::string table = alias.name                  ? alias.name->text
                            : out.scope.columns.empty() ? ""
                                                        : out.scope.columns[0].table;
  for (int i = first; i < first + 3; ++i) {
    out.scope.columns.push_back(
        {table, out.node->schema()->field(i)->name(), ColumnOf(*out.node, i)});
  }
  if (alias.name) {
    for (ScopeColumn& known : out.scope.columns) known.table = table;
  }
  ARROW_RETURN_NOT_OK(NameColumns(alias, where, &out.scope));
  out.scope.window = ScopeWindow{window, first};
  return out;
}

}  // namespace millrace::sql
