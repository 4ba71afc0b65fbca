// sort_by: rows are put in order in front of the write, so that connectors get them so.
#include <algorithm>

#include "millrace/data/sort_order.h"
#include "millrace/plan/arrange_node.h"
#include "millrace/sql/statement_planner_internal.h"

namespace millrace::sql {

namespace {

std::vector<std::string> Names(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!name.empty()) out.emplace_back(name);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

}  // namespace

Status ArrangeRows(plan::NodePtr* rows, const plan::Table& table) {
  const auto given = table.options.find("sort_by");
  if (given == table.options.end()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto wanted, data::ParseSortOrder(given->second));
  if (wanted.empty()) return Status::OK();
  // One partition after another: a writer then has few files open at a time.
  std::vector<data::SortColumn> order;
  if (const auto parts = table.options.find("partition_by");
      parts != table.options.end()) {
    for (std::string& name : Names(parts->second)) order.push_back({std::move(name)});
  }
  for (data::SortColumn& column : wanted) {
    const bool is_part = std::any_of(
        order.begin(), order.end(),
        [&](const data::SortColumn& other) { return other.name == column.name; });
    if (!is_part) order.push_back(std::move(column));
  }
  *rows = plan::ArrangeNode::Make(std::move(*rows), std::move(order));
  return Status::OK();
}

}  // namespace millrace::sql
