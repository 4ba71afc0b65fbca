#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

namespace {

// A path that goes on behind a column that is no struct.
Status NoFields(const Path& path, const Identifier& name, const ScopeColumn& column) {
  return errors::kSqlUnknownColumn.Make(
      path[0].where.ToWhere(), "{}: {} is of type {}, which has no fields", ToSql(path),
      name.text, data::SqlTypeName(*column.value->type()));
}

}  // namespace

expr::ExprPtr ColumnOf(const plan::Node& node, int index) {
  const auto& field = node.schema()->field(index);
  return expr::Expr::Column(index, field->name(), field->type());
}

Relation MakeRelation(plan::NodePtr node, const std::string& table) {
  Relation out;
  for (int i = 0; i < node->schema()->num_fields(); ++i) {
    out.scope.columns.push_back(
        {table, node->schema()->field(i)->name(), ColumnOf(*node, i)});
  }
  out.node = std::move(node);
  return out;
}

std::string Suggest(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

Result<const ScopeColumn*> Scope::FindOptional(const Path& path) const {
  const std::string& name = path.back().text;
  const ScopeColumn* found = nullptr;
  if (path.size() > 2) return found;
  for (const ScopeColumn& column : columns) {
    if (!EqualsIgnoreCase(column.name, name)) continue;
    if (path.size() == 2 ? !EqualsIgnoreCase(column.table, path[0].text)
                         : !column.unqualified) {
      continue;
    }
    if (found == nullptr) {
      found = &column;
      continue;
    }
    // A file may have columns that differ in case only: the exact spelling wins.
    const bool exact = column.name == name;
    const bool exact_before = found->name == name;
    if (exact == exact_before) {
      return errors::kSqlAmbiguousColumn.Make(
          path[0].where.ToWhere(), "{} is in {} and in {}", ToSql(path),
          found->table.empty() ? "the join" : found->table, column.table);
    }
    if (exact) found = &column;
  }
  return found;
}

Result<const ScopeColumn*> Scope::Find(const Path& path) const {
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* found, FindOptional(path));
  if (found != nullptr) return found;
  const Where where = path[0].where.ToWhere();
  std::vector<std::string> names;
  if (path.size() > 2) {
    ARROW_ASSIGN_OR_RAISE(const ScopeColumn* outer,
                          FindOptional(Path(path.begin(), path.begin() + 2)));
    if (outer != nullptr) return NoFields(path, path[1], *outer);
  }
  if (path.size() >= 2) {
    std::vector<std::string> tables;
    for (const ScopeColumn& column : columns) {
      if (EqualsIgnoreCase(column.table, path[0].text)) names.push_back(column.name);
      if (!column.table.empty()) tables.push_back(column.table);
    }
    // x.y where x is a column asks for a field of it, and it is no struct.
    for (const ScopeColumn& column : columns) {
      if (names.empty() && EqualsIgnoreCase(column.name, path[0].text)) {
        return NoFields(path, path[0], column);
      }
    }
    if (names.empty()) {
      return errors::kSqlUnknownTable.Make(where, "{} in {}{}", path[0].text, ToSql(path),
                                           Suggest(path[0].text, tables));
    }
    return errors::kSqlUnknownColumn.Make(path[1].where.ToWhere(), "{}{}", ToSql(path),
                                          Suggest(path[1].text, names));
  }
  for (const ScopeColumn& column : columns) names.push_back(column.name);
  return errors::kSqlUnknownColumn.Make(where, "{}{}", path[0].text,
                                        Suggest(path[0].text, names));
}

Result<std::vector<size_t>> Scope::Star(const Path& qualifier) const {
  std::vector<size_t> out;
  std::vector<std::string> tables;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].table.empty()) tables.push_back(columns[i].table);
    const bool wanted = qualifier.empty()
                            ? columns[i].in_star
                            : EqualsIgnoreCase(columns[i].table, qualifier.back().text);
    if (wanted) out.push_back(i);
  }
  if (out.empty() && !qualifier.empty()) {
    return errors::kSqlUnknownTable.Make(qualifier[0].where.ToWhere(), "{}{}",
                                         ToSql(qualifier),
                                         Suggest(qualifier.back().text, tables));
  }
  return out;
}

}  // namespace millrace::sql
