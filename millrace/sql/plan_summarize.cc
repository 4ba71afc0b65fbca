// SUMMARIZE: a row for each column, from one pass over the rows.
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/plan/unpivot_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/sql/parser.h"
#include "millrace/sql/query_binder_internal.h"
#include "millrace/sql/statement_planner_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

namespace {

std::string Quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out + quote;
}

// What is said of a column, and how it is computed; %s stands for the column. NULL where
// its type has no such thing.
struct Fact {
  const char* name;
  const char* ordered;  // of types with an order
  const char* number;   // of numbers, when that differs
  const char* nested;   // of lists, structs and maps
};
constexpr Fact kFacts[] = {
    {"min", "CAST(MIN({0}) AS VARCHAR)", nullptr, "CAST(NULL AS VARCHAR)"},
    {"max", "CAST(MAX({0}) AS VARCHAR)", nullptr, "CAST(NULL AS VARCHAR)"},
    {"approx_unique", "APPROX_COUNT_DISTINCT({0})", nullptr, "CAST(NULL AS BIGINT)"},
    {"avg", "CAST(NULL AS DOUBLE)", "CAST(AVG({0}) AS DOUBLE)", "CAST(NULL AS DOUBLE)"},
    {"std", "CAST(NULL AS DOUBLE)", "CAST(STDDEV_SAMP({0}) AS DOUBLE)",
     "CAST(NULL AS DOUBLE)"},
    {"count", "COUNT(*)", nullptr, "COUNT(*)"},
    {"null_percentage", "100.0e0 * (COUNT(*) - COUNT({0})) / NULLIF(COUNT(*), 0)",
     nullptr, "100.0e0 * (COUNT(*) - COUNT({0})) / NULLIF(COUNT(*), 0)"},
};

const char* FormOf(const Fact& fact, const arrow::DataType& type) {
  const arrow::Type::type id = type.id();
  if (arrow::is_nested(id)) return fact.nested;
  const bool number =
      arrow::is_integer(id) || arrow::is_floating(id) || arrow::is_decimal(id);
  return number && fact.number != nullptr ? fact.number : fact.ordered;
}

}  // namespace

Result<plan::NodePtr> PlanSummary(TableRef table, const arrow::Schema& schema,
                                  const PlannerContext& context) {
  std::vector<std::string> names = {"column_name", "column_type"};
  for (const Fact& fact : kFacts) names.emplace_back(fact.name);
  Select select;
  std::vector<std::vector<int>> rows;
  for (const auto& field : schema.fields()) {
    std::vector<std::string> texts = {Quoted(field->name(), '\''),
                                      Quoted(TypeToSql(*field->type()), '\'')};
    const std::string column = Quoted(field->name(), '"');
    for (const Fact& fact : kFacts) {
      texts.push_back(fmt::format(fmt::runtime(FormOf(fact, *field->type())), column));
    }
    std::vector<int>& row = rows.emplace_back();
    for (const std::string& text : texts) {
      SelectItem item;
      ARROW_ASSIGN_OR_RAISE(item.value, ParseExpression(text));
      row.push_back(static_cast<int>(select.items.size()));
      item.alias = Identifier{fmt::format("c{}", row.back()), true, {}};
      select.items.push_back(std::move(item));
    }
  }
  // Of nothing there is nothing to say.
  if (rows.empty()) {
    arrow::FieldVector none;
    for (const std::string& name : names)
      none.push_back(arrow::field(name, arrow::utf8()));
    ARROW_ASSIGN_OR_RAISE(auto empty,
                          arrow::RecordBatch::MakeEmpty(arrow::schema(std::move(none)),
                                                        context.evaluation->pool));
    return plan::ValuesNode::Make(std::move(empty));
  }
  const Location where = table.where;
  select.from.push_back(std::make_shared<const TableRef>(std::move(table)));
  Query query;
  query.body = std::make_shared<const QueryBody>(QueryBody{std::move(select), where, 1});
  query.where = where;
  ARROW_ASSIGN_OR_RAISE(plan::NodePtr facts, QueryBinder(context).BindQuery(query));
  return plan::UnpivotNode::Make(std::move(facts), std::move(rows), std::move(names));
}

}  // namespace millrace::sql
