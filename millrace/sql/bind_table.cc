// FROM: tables, views, files and subqueries.
#include <arrow/type.h>

#include "millrace/plan/project_node.h"
#include "millrace/plan/scan_node.h"
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

}  // namespace millrace::sql
