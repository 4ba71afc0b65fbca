// CREATE: definitions for the catalog; with AS SELECT also the plan that fills a sink.
#include <arrow/type.h>

#include "millrace/plan/time_options.h"
#include "millrace/plan/write_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"
#include "millrace/sql/statement_planner_internal.h"

namespace millrace::sql {

using plan::NodePtr;

namespace {

using Kind = CreateStatement::Kind;
using Action = PlannedStatement::Action;

Status CheckCreate(const CreateStatement& create, Location where) {
  if (create.kind == Kind::kMaterializedView) {
    return NotSupported(where, "CREATE MATERIALIZED VIEW");
  }
  if (create.temporary) return NotSupported(where, "CREATE TEMPORARY");
  for (const ColumnDefinition& column : create.columns) {
    const Location at = column.name.where;
    if (column.computed != nullptr) return NotSupported(at, "a computed column");
    if (column.metadata_key) return NotSupported(at, "a METADATA column");
    if (column.default_value != nullptr) return NotSupported(at, "DEFAULT");
    if (!column.type) {
      return errors::kSqlSyntax.Make(at.ToWhere(), "column {} has no type",
                                     column.name.text);
    }
  }
  const Where at = where.ToWhere();
  if (create.kind == Kind::kSource && !create.checks.empty()) {
    return NotSupported(create.checks[0].condition->where, "CHECK of a source");
  }
  if (create.query != nullptr) {
    if (create.kind == Kind::kSource || create.kind == Kind::kSink) {
      return errors::kSqlWrongObject.Make(
          at, "a source or sink has no query; use CREATE STREAM … AS SELECT");
    }
    if (!create.columns.empty() || create.watermark || !create.primary_key.empty() ||
        !create.checks.empty()) {
      return NotSupported(where, "columns, CHECK or WATERMARK beside AS SELECT");
    }
  } else if (create.kind == Kind::kView) {
    return errors::kSqlSyntax.Make(at, "a view needs AS SELECT");
  }
  return Status::OK();
}

// WATERMARK FOR c AS c, or AS c - INTERVAL '4' SECOND.
Result<plan::WatermarkSpec> BindWatermark(const WatermarkDefinition& watermark,
                                          const arrow::Schema& schema) {
  plan::WatermarkSpec out;
  const Identifier& column = watermark.column.back();
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (EqualsIgnoreCase(schema.field(i)->name(), column.text)) out.column = i;
  }
  if (out.column < 0 || watermark.column.size() > 1) {
    return errors::kSqlUnknownColumn.Make(column.where.ToWhere(), "{}{}",
                                          ToSql(watermark.column),
                                          Suggest(column.text, schema.field_names()));
  }
  if (schema.field(out.column)->type()->id() != arrow::Type::TIMESTAMP) {
    return errors::kSqlTypeMismatch.Make(column.where.ToWhere(),
                                         "a watermark needs a TIMESTAMP column");
  }
  const auto is_column = [&](const Expression& value) {
    const auto* name = value.As<Name>();
    return name != nullptr && name->path.size() == 1 &&
           EqualsIgnoreCase(name->path[0].text, column.text);
  };
  if (is_column(*watermark.value)) return out;
  const auto* minus = watermark.value->As<Binary>();
  if (minus != nullptr && minus->op == BinaryOp::kSubtract && is_column(*minus->left)) {
    const auto* literal = minus->right->As<Literal>();
    if (literal != nullptr && literal->kind == Literal::Kind::kInterval) {
      ARROW_ASSIGN_OR_RAISE(out.delay_micros,
                            MicrosOf(Duration{literal->interval, minus->right->where}));
      return out;
    }
  }
  return NotSupported(watermark.value->where,
                      "a watermark other than c and c - INTERVAL '…'");
}

Result<plan::Table> MakeTable(const CreateStatement& create, Location where) {
  plan::Table table;
  table.name = CatalogName(create.name);
  for (const Property& property : create.properties) {
    if (EqualsIgnoreCase(property.key, "connector")) {
      table.connector = ToLower(property.value);
    } else {
      table.options[property.key] = property.value;
    }
  }
  if (table.connector.empty()) {
    return errors::kSqlMissingConnector.Make(where.ToWhere(), "{}", table.name);
  }
  table.can_read = create.kind != Kind::kSink;
  table.can_write = create.kind != Kind::kSource;
  std::vector<Identifier> keys = create.primary_key;
  arrow::FieldVector fields;
  for (const ColumnDefinition& column : create.columns) {
    if (column.primary_key) keys.push_back(column.name);
    fields.push_back(arrow::field(column.name.text, column.type->type,
                                  !column.not_null && !column.primary_key));
  }
  if (!fields.empty()) {
    table.schema = arrow::schema(fields);
    table.declared = true;
  }
  for (const Identifier& key : keys) {
    bool known = fields.empty();
    for (const auto& field : fields) known |= EqualsIgnoreCase(field->name(), key.text);
    if (!known) {
      return errors::kSqlUnknownColumn.Make(
          key.where.ToWhere(), "{}{}", key.text,
          Suggest(key.text, table.schema->field_names()));
    }
    table.primary_key.push_back(key.text);
  }
  for (const CheckDefinition& check : create.checks) {
    table.checks.push_back({check.name ? check.name->text : "", ToSql(*check.condition)});
  }
  if (create.watermark) {
    if (table.schema == nullptr) {
      return NotSupported(create.watermark->where, "WATERMARK without declared columns");
    }
    ARROW_ASSIGN_OR_RAISE(table.watermark,
                          BindWatermark(*create.watermark, *table.schema));
  }
  if (table.can_read) ARROW_RETURN_NOT_OK(plan::SetWatermark(&table));
  return table;
}

PlannedStatement Done(std::string message) {
  PlannedStatement out;
  out.action = Action::kDone;
  out.message = std::move(message);
  return out;
}

}  // namespace

Result<PlannedStatement> PlanCreate(const CreateStatement& create, Location where,
                                    const PlannerContext& context) {
  ARROW_RETURN_NOT_OK(CheckCreate(create, where));
  const std::string name = CatalogName(create.name);
  const Where at = create.name[0].where.ToWhere();
  if (create.if_not_exists) {
    ARROW_ASSIGN_OR_RAISE(plan::TablePtr table, context.catalog->FindTable(name));
    ARROW_ASSIGN_OR_RAISE(NodePtr view, context.catalog->FindView(name));
    if (table != nullptr || view != nullptr) return Done(name + " exists");
  }
  if (create.query == nullptr) {
    ARROW_ASSIGN_OR_RAISE(plan::Table table, MakeTable(create, where));
    if (table.schema != nullptr) {
      // What is wrong in them is shown where they stand.
      for (const CheckDefinition& check : create.checks) {
        ARROW_RETURN_NOT_OK(BindCheck(*check.condition, table.schema, context).status());
      }
    }
    const Status added = context.catalog->AddTable(std::move(table), create.or_replace);
    if (!added.ok()) return WithWhere(added, at);
    return Done("created " + name);
  }
  QueryBinder binder(context);
  ARROW_ASSIGN_OR_RAISE(NodePtr root, binder.BindQuery(*create.query));
  if (create.properties.empty()) {
    const Status added =
        context.catalog->AddView(name, std::move(root), create.or_replace);
    if (!added.ok()) return WithWhere(added, at);
    return Done("created " + name);
  }
  if (create.kind == Kind::kView) {
    return errors::kSqlWrongObject.Make(
        at, "a view has no WITH (…); use CREATE STREAM or TABLE");
  }
  ARROW_ASSIGN_OR_RAISE(plan::Table table, MakeTable(create, where));
  table.schema = root->schema();
  const Status added = context.catalog->AddTable(std::move(table), create.or_replace);
  if (!added.ok()) return WithWhere(added, at);
  ARROW_ASSIGN_OR_RAISE(plan::TablePtr sink, context.catalog->FindTable(name));
  if (sink == nullptr) {
    return errors::kInternal.Make(at, "the catalog lost table {}", name);
  }
  ARROW_ASSIGN_OR_RAISE(root, MakeWrite(std::move(root), std::move(sink), context));
  ARROW_ASSIGN_OR_RAISE(root, OptimizeAs(context, std::move(root)));
  PlannedStatement out;
  out.action = Action::kWrite;
  out.root = std::move(root);
  return out;
}

}  // namespace millrace::sql
