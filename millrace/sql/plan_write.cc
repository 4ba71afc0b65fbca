// Writing: rows, and the rules of the table that they go to.
#include <arrow/type.h>

#include "millrace/plan/changelog_node.h"
#include "millrace/plan/errors.h"
#include "millrace/plan/write_node.h"
#include "millrace/sql/expression_binder_internal.h"
#include "millrace/sql/parser.h"
#include "millrace/sql/statement_planner_internal.h"

namespace millrace::sql {

namespace {

Result<plan::RowRule> RuleOf(const plan::TableCheck& check,
                             const std::shared_ptr<arrow::Schema>& schema,
                             const PlannerContext& context) {
  ARROW_ASSIGN_OR_RAISE(const ExpressionPtr condition, ParseExpression(check.condition));
  plan::RowRule rule{.name = check.name, .text = check.condition};
  ARROW_ASSIGN_OR_RAISE(rule.condition, BindCheck(*condition, schema, context));
  return rule;
}

// A place in a text of its own says nothing beside the statement's.
Status InCheck(const Status& status, const plan::TableCheck& check) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  if (detail == nullptr) return status;
  return detail->spec().MakeText(
      {}, fmt::format("{}; in the check '{}'", detail->values(), check.condition));
}

}  // namespace

Scope ScopeOf(const arrow::Schema& schema) {
  Scope out;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& field = schema.field(i);
    ScopeColumn column;
    column.name = field->name();
    column.value = expr::Expr::Column(i, field->name(), field->type());
    out.columns.push_back(std::move(column));
  }
  return out;
}

Result<expr::ExprPtr> BindCheck(const Expression& condition,
                                const std::shared_ptr<arrow::Schema>& schema,
                                const PlannerContext& context) {
  const Scope scope = ScopeOf(*schema);
  return ExpressionBinder(context, scope).BindCondition(condition, "CHECK");
}

std::optional<std::string> TargetOf(const Statement& statement) {
  auto name_of = [](const Path& table, const std::string& file) {
    return file.empty() ? CatalogName(table) : file;
  };
  if (const auto* query = std::get_if<QueryStatement>(&statement.node)) {
    const auto& into = query->query->into;
    return into ? std::optional(name_of(into->path, into->file)) : std::nullopt;
  }
  if (const auto* insert = std::get_if<InsertStatement>(&statement.node))
    return name_of(insert->table, insert->file);
  const auto* create = std::get_if<CreateStatement>(&statement.node);
  const bool fills = create && create->query && !create->properties.empty();
  return fills ? std::optional(CatalogName(create->name)) : std::nullopt;
}

Result<plan::NodePtr> MakeWrite(plan::NodePtr rows, plan::TablePtr table,
                                const PlannerContext& context) {
  const plan::OnInvalid on_invalid = plan::OnInvalidOf(*table);
  std::vector<plan::RowRule> rules;
  // Where the pipeline is to go on, a NULL is a row that breaks a rule.
  if (table->declared && table->schema != nullptr &&
      on_invalid != plan::OnInvalid::kFail) {
    for (const auto& field : table->schema->fields()) {
      if (field->nullable()) continue;
      const std::string name = ToSql(Identifier{field->name(), true, {}});
      ARROW_ASSIGN_OR_RAISE(plan::RowRule rule,
                            RuleOf({"", name + " IS NOT NULL"}, rows->schema(), context));
      rules.push_back(std::move(rule));
    }
  }
  for (const plan::TableCheck& check : table->checks) {
    auto rule = RuleOf(check, rows->schema(), context);
    if (!rule.ok()) return InCheck(rule.status(), check);
    rules.push_back(std::move(*rule));
  }
  if (rows->change_mode() != plan::ChangeMode::kAppend && !rules.empty() &&
      on_invalid != plan::OnInvalid::kFail) {
    return errors::kChangesNotTaken.Make(
        {}, "a rule of {} with on_invalid = '{}': what it leaves out may be taken back",
        table->name, table->options.at("on_invalid"));
  }
  // Behind the rules, which are about the columns that the query gives.
  if (const auto column = table->options.find("changes_column");
      column != table->options.end() && !column->second.empty()) {
    rows = plan::ChangelogNode::Make(std::move(rows), column->second);
  }
  ARROW_RETURN_NOT_OK(ProjectPartitions(&rows, &table, context));
  ARROW_RETURN_NOT_OK(ArrangeRows(&rows, *table));
  ARROW_RETURN_NOT_OK(plan::CheckChanges(rows));
  return plan::WriteNode::Make(std::move(rows), std::move(table), std::move(rules),
                               on_invalid);
}

}  // namespace millrace::sql
