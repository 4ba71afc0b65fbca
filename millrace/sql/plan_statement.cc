// Statements: what each asks of the catalog and of the engine.
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/changelog_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/plan/write_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/optimizer.h"
#include "millrace/sql/planner.h"
#include "millrace/sql/query_binder_internal.h"
#include "millrace/sql/statement_planner_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;
using plan::NodePtr;

namespace {

using Planned = Result<PlannedStatement>;
using Action = PlannedStatement::Action;

PlannedStatement Answer(Action action, NodePtr root) {
  PlannedStatement out;
  out.action = action;
  out.root = std::move(root);
  return out;
}

struct TextTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
};

// Rows of text as a plan, for DESCRIBE and SHOW.
Result<NodePtr> TextRows(const TextTable& table, arrow::MemoryPool* pool) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < table.names.size(); ++i) {
    arrow::StringBuilder builder(pool);
    for (const auto& row : table.rows) ARROW_RETURN_NOT_OK(builder.Append(row[i]));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Array> array, builder.Finish());
    fields.push_back(arrow::field(table.names[i], arrow::utf8()));
    arrays.push_back(std::move(array));
  }
  return plan::ValuesNode::Make(arrow::RecordBatch::Make(
      arrow::schema(std::move(fields)), static_cast<int64_t>(table.rows.size()), arrays));
}

// The output of `node` fitted to `schema`: by position, or under the names of `columns`.
Result<NodePtr> FitToSchema(NodePtr node, const arrow::Schema& schema,
                            const std::vector<Identifier>& columns, Location where) {
  const int given = node->schema()->num_fields();
  const int wanted =
      columns.empty() ? schema.num_fields() : static_cast<int>(columns.size());
  if (given != wanted) {
    return errors::kSqlColumnCount.Make(
        where.ToWhere(), "the query gives {}, the table takes {}", given, wanted);
  }
  std::vector<int> source(static_cast<size_t>(schema.num_fields()), -1);
  for (int i = 0; i < given; ++i) {
    int target = i;
    if (!columns.empty()) {
      const Identifier& name = columns[static_cast<size_t>(i)];
      target = -1;
      for (int j = 0; j < schema.num_fields(); ++j) {
        if (EqualsIgnoreCase(schema.field(j)->name(), name.text)) target = j;
      }
      if (target < 0) {
        return errors::kSqlUnknownColumn.Make(name.where.ToWhere(), "{}{}", name.text,
                                              Suggest(name.text, schema.field_names()));
      }
      if (source[static_cast<size_t>(target)] >= 0) {
        return errors::kSqlNameTaken.Make(name.where.ToWhere(), "{}", name.text);
      }
    }
    source[static_cast<size_t>(target)] = i;
  }
  std::vector<ExprPtr> values;
  for (int j = 0; j < schema.num_fields(); ++j) {
    const auto& field = schema.field(j);
    const int from = source[static_cast<size_t>(j)];
    if (from < 0) {
      if (!field->nullable()) {
        return errors::kSqlColumnCount.Make(
            where.ToWhere(), "{} is NOT NULL and gets no value", field->name());
      }
      values.push_back(Expr::Literal(arrow::MakeNullScalar(field->type())));
      continue;
    }
    values.push_back(Expr::Cast(ColumnOf(*node, from), field->type()));
  }
  return plan::ProjectNode::Make(std::move(node), std::move(values),
                                 schema.field_names());
}

struct StatementVisitor {
  const PlannerContext& context;
  Location where;

  Planned operator()(const QueryStatement& node) {
    if (!node.query->into) {
      ARROW_ASSIGN_OR_RAISE(NodePtr root, PlanQuery(*node.query, context));
      // Whoever looks at rows wants to see what they do.
      if (root->change_mode() != plan::ChangeMode::kAppend)
        root = plan::ChangelogNode::Make(std::move(root), "op");
      return Answer(Action::kQuery, std::move(root));
    }
    // SELECT … INTO t is INSERT INTO t SELECT ….
    auto query = std::make_shared<Query>(*node.query);
    InsertStatement insert;
    insert.table = query->into->path;
    insert.file = query->into->file;
    query->into.reset();
    insert.query = std::move(query);
    return (*this)(insert);
  }

  Planned operator()(const InsertStatement& node) {
    if (node.overwrite) return NotSupported(where, "INSERT OVERWRITE");
    plan::TablePtr table;
    if (node.table.empty()) {
      Result<plan::TablePtr> sink = context.catalog->SinkOfPath(node.file);
      if (!sink.ok()) return WithWhere(sink.status(), where.ToWhere());
      table = std::move(*sink);
    } else {
      const std::string name = CatalogName(node.table);
      ARROW_ASSIGN_OR_RAISE(table, context.catalog->FindTable(name));
      if (table == nullptr) {
        return errors::kSqlUnknownTable.Make(node.table[0].where.ToWhere(), "{}{}", name,
                                             Suggest(name, context.catalog->Names()));
      }
      if (!table->can_write) {
        return errors::kSqlWrongObject.Make(node.table[0].where.ToWhere(),
                                            "{} can only be read", name);
      }
    }
    QueryBinder binder(context);
    ARROW_ASSIGN_OR_RAISE(NodePtr root, binder.BindQuery(*node.query));
    if (table->schema != nullptr) {
      ARROW_ASSIGN_OR_RAISE(root, FitToSchema(std::move(root), *table->schema,
                                              node.columns, node.query->where));
    } else if (!node.columns.empty()) {
      return errors::kSqlColumnCount.Make(
          node.columns[0].where.ToWhere(),
          "{} has no columns of its own; name them in the query", table->name);
    }
    ARROW_ASSIGN_OR_RAISE(root, MakeWrite(std::move(root), std::move(table), context));
    ARROW_ASSIGN_OR_RAISE(root, OptimizeAs(context, std::move(root)));
    return Answer(Action::kWrite, std::move(root));
  }

  Planned operator()(const CreateStatement& node) {
    return PlanCreate(node, where, context);
  }

  Planned operator()(const ExplainStatement& node) {
    const Statement& inner = *node.statement;
    const bool query = std::holds_alternative<QueryStatement>(inner.node) ||
                       std::holds_alternative<InsertStatement>(inner.node);
    if (!query) return NotSupported(inner.where, "EXPLAIN of this statement");
    ARROW_ASSIGN_OR_RAISE(PlannedStatement planned,
                          std::visit(StatementVisitor{context, inner.where}, inner.node));
    planned.action = Action::kExplain;
    planned.explain = node.mode;
    return planned;
  }

  Planned operator()(const DescribeStatement& node) {
    QueryBinder binder(context);
    TableRef table;
    table.where = node.table.empty() ? where : node.table[0].where;
    NodePtr root;
    if (node.query != nullptr) {
      table.node = SubqueryTable{node.query};
      ARROW_ASSIGN_OR_RAISE(root, binder.BindQuery(*node.query));
    } else {
      NamedTable named;
      named.path = node.table;
      named.file = node.file;
      table.node = named;
      ARROW_ASSIGN_OR_RAISE(Relation relation,
                            binder.BindNamedTable(named, {}, table.where));
      root = std::move(relation.node);
    }
    if (node.summarize) {
      ARROW_ASSIGN_OR_RAISE(root,
                            PlanSummary(std::move(table), *root->schema(), context));
      ARROW_ASSIGN_OR_RAISE(root, OptimizeAs(context, std::move(root)));
      return Answer(Action::kQuery, std::move(root));
    }
    TextTable out{{"column_name", "column_type", "null"}, {}};
    for (const auto& field : root->schema()->fields()) {
      out.rows.push_back(
          {field->name(), TypeToSql(*field->type()), field->nullable() ? "YES" : "NO"});
    }
    ARROW_ASSIGN_OR_RAISE(root, TextRows(out, context.evaluation->pool));
    return Answer(Action::kQuery, std::move(root));
  }

  Planned operator()(const ShowStatement& node) {
    TextTable out;
    if (!node.target.empty()) {
      return NotSupported(where, fmt::format("SHOW {} of an object", node.what));
    }
    if (node.what == "TABLES") {
      out.names = {"name"};
      for (const std::string& name : context.catalog->Names()) out.rows.push_back({name});
    } else if (node.what == "FUNCTIONS") {
      out.names = {"name", "signature", "description"};
      for (const auto* function : context.functions->scalars()) {
        const expr::FunctionDoc& doc = function->doc;
        out.rows.push_back({doc.name, doc.signature, doc.description});
      }
      for (const auto* function : context.functions->aggregates()) {
        const expr::FunctionDoc& doc = function->doc;
        out.rows.push_back({doc.name, doc.signature, doc.description});
      }
    } else {
      return NotSupported(where, fmt::format("SHOW {}", node.what));
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr root, TextRows(out, context.evaluation->pool));
    if (node.like) {
      const Relation rows = MakeRelation(root, "");
      ARROW_ASSIGN_OR_RAISE(
          ExprPtr like,
          Expr::Call(*context.functions, "like",
                     {rows.scope.columns[0].value,
                      Expr::Literal(std::make_shared<arrow::StringScalar>(*node.like))}));
      root = plan::FilterNode::Make(std::move(root), std::move(like));
    }
    return Answer(Action::kQuery, std::move(root));
  }

  Planned operator()(const DropStatement& node) {
    const std::string name = CatalogName(node.name);
    const Status dropped = context.catalog->Drop(name, node.if_exists);
    if (!dropped.ok()) return WithWhere(dropped, node.name[0].where.ToWhere());
    PlannedStatement out = Answer(Action::kDone, nullptr);
    out.message = fmt::format("dropped {}", name);
    return out;
  }

  Planned operator()(const SetStatement& node) {
    PlannedStatement out = Answer(Action::kSet, nullptr);
    out.key = node.key;
    out.value = node.value.value_or("");
    out.reset = !node.value;
    return out;
  }

  Planned operator()(const JobStatement&) { return NotSupported(where, "a job"); }
};

}  // namespace

std::string CatalogName(const Path& path) {
  std::string out;
  for (const Identifier& part : path) {
    if (!out.empty()) out += '.';
    out += part.text;
  }
  return out;
}

namespace {

// Where rows were copied for their windows, a late row is several.
Status CheckCopies(const plan::Node& node) {
  if (node.kind() == plan::AggregateNode::kKind) {
    const auto& window = static_cast<const plan::AggregateNode&>(node).window();
    if (window && window->assigned && !window->tumbles() &&
        window->late != plan::Window::Late::kDrop) {
      return errors::kSqlNotSupported.Make(
          {},
          "late.data.strategy where columns of HOP or CUMULATE are "
          "used; write WINDOW SLIDING or CUMULATING");
    }
  }
  for (const NodePtr& input : node.inputs()) ARROW_RETURN_NOT_OK(CheckCopies(*input));
  return Status::OK();
}

}  // namespace

Result<NodePtr> OptimizeAs(const PlannerContext& context, NodePtr root) {
  if (context.optimize) {
    ARROW_ASSIGN_OR_RAISE(
        root, Optimize(std::move(root), *context.functions, *context.evaluation));
  }
  ARROW_RETURN_NOT_OK(CheckCopies(*root));
  return root;
}

Result<NodePtr> PlanQuery(const Query& query, const PlannerContext& context) {
  QueryBinder binder(context);
  ARROW_ASSIGN_OR_RAISE(NodePtr root, binder.BindQuery(query));
  ARROW_RETURN_NOT_OK(plan::CheckChanges(root));
  return OptimizeAs(context, std::move(root));
}

Result<PlannedStatement> Plan(const Statement& statement, const PlannerContext& context) {
  ARROW_ASSIGN_OR_RAISE(
      PlannedStatement out,
      std::visit(StatementVisitor{context, statement.where}, statement.node));
  out.annotations = statement.annotations;
  return out;
}

}  // namespace millrace::sql
