// partition_by: columns that the rows do not have yet are projected in front of the
// write, so that connectors see columns only.
#include <algorithm>

#include <arrow/type.h>

#include "millrace/plan/project_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/parser.h"
#include "millrace/sql/statement_planner_internal.h"

namespace millrace::sql {

namespace {

constexpr char kOption[] = "partition_by";

bool IsWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c >= 0x80;
  });
}

// Does the list hold names only? Whether they are columns the connector says; a name may
// hold anything but a comma.
bool NamesOnly(std::string_view list, const arrow::Schema& schema) {
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!IsWord(name) && schema.GetFieldIndex(std::string(name)) < 0) return false;
    if (comma == list.size()) return true;
    list.remove_prefix(comma + 1);
  }
}

Status InOption(const Status& status, const std::string& text) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (detail == nullptr) return status;
  return detail->spec().MakeText(
      {}, fmt::format("{}; in {} = '{}'", detail->values(), kOption, text));
}

}  // namespace

Status ProjectPartitions(plan::NodePtr* rows, plan::TablePtr* table,
                         const PlannerContext& context) {
  const auto given = (*table)->options.find(kOption);
  if (given == (*table)->options.end()) return Status::OK();
  const std::string& text = given->second;
  const arrow::Schema& schema = *(*rows)->schema();
  if (NamesOnly(text, schema)) return Status::OK();
  auto items = ParseItems(text);
  if (!items.ok()) return InOption(items.status(), text);

  const Scope scope = ScopeOf(schema);
  std::vector<expr::ExprPtr> columns;
  std::vector<std::string> names = schema.field_names();
  for (const ScopeColumn& column : scope.columns) columns.push_back(column.value);
  std::string list;
  for (const SelectItem& item : *items) {
    const auto* name = item.value->As<Name>();
    if (name != nullptr && name->path.size() == 1 && !item.alias) {
      list += (list.empty() ? "" : ",") + name->path[0].text;
      continue;
    }
    if (!item.alias) {
      return errors::kSqlNeedsName.Make({}, "{}; in {} = '{}'", ToSql(*item.value),
                                        kOption, text);
    }
    auto bound = ExpressionBinder(context, scope).Bind(*item.value);
    if (!bound.ok()) return InOption(bound.status(), text);
    columns.push_back(std::move(*bound));
    names.push_back(item.alias->text);
    list += (list.empty() ? "" : ",") + item.alias->text;
  }
  *rows = plan::ProjectNode::Make(std::move(*rows), std::move(columns), std::move(names));
  auto named = std::make_shared<plan::Table>(**table);
  named->options[kOption] = std::move(list);
  *table = std::move(named);
  return Status::OK();
}

}  // namespace millrace::sql
