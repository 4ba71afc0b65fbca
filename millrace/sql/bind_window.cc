// Windows of time: WINDOW TUMBLING(…) and its sisters, TUMBLE(…) and its own.
#include <algorithm>

#include <arrow/type.h>

#include "millrace/functions/time_zone.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/window_node.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using expr::ExprPtr;
using Kind = plan::Window::Kind;

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

// Copies of a row, or merges of a slice's states: more is a mistake in the units.
constexpr int64_t kMostWindows = 1'000'000;

Result<plan::Span> SpanOf(const Duration& duration) {
  const Interval& value = duration.value;
  plan::Span out;
  if (value.months != 0) {
    if (value.days != 0 || value.nanos != 0) {
      return errors::kSqlBadWindow.Make(duration.where.ToWhere(),
                                        "{} has months and days; a window has either",
                                        IntervalToSql(value));
    }
    out.months = value.months;
  } else {
    ARROW_ASSIGN_OR_RAISE(out.micros, MicrosOf(duration));
  }
  return out;
}

// The lengths of a window, which must fit each other.
Status SetLengths(Kind kind, const Duration& size, const std::optional<Duration>& step,
                  plan::Window* out) {
  out->kind = kind;
  ARROW_ASSIGN_OR_RAISE(out->size, SpanOf(size));
  const auto positive = [](const plan::Span& span) {
    return span.months > 0 || span.micros > 0;
  };
  if (!positive(out->size)) {
    return errors::kSqlBadWindow.Make(size.where.ToWhere(), "the size must be positive");
  }
  out->step = out->size;
  if (!step) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(out->step, SpanOf(*step));
  if (!positive(out->step)) {
    return errors::kSqlBadWindow.Make(step->where.ToWhere(), "the step must be positive");
  }
  if ((out->size.months == 0) != (out->step.months == 0)) {
    return errors::kSqlBadWindow.Make(
        step->where.ToWhere(),
        "size {} and step {} have no common measure: months differ in length",
        out->size.ToString(), out->step.ToString());
  }
  const int64_t length = out->size.months + out->size.micros;
  const int64_t part = out->step.months + out->step.micros;
  if (kind == Kind::kCumulating && length % part != 0) {
    return errors::kSqlBadWindow.Make(step->where.ToWhere(),
                                      "the size {} is no multiple of the step {}",
                                      out->size.ToString(), out->step.ToString());
  }
  if (length / part > kMostWindows) {
    return errors::kSqlBadWindow.Make(step->where.ToWhere(),
                                      "a row would lie in {} windows; {} are the most",
                                      length / part, kMostWindows);
  }
  return Status::OK();
}

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

struct TableWindow {
  std::string_view name;
  Kind kind;
  bool has_step;
  std::string_view signature;
};

constexpr TableWindow kTableWindows[] = {
    {"TUMBLE", Kind::kTumbling, false,
     "TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])"},
    {"HOP", Kind::kSliding, true, "HOP(TABLE t, DESCRIPTOR(ts), slide, size [, offset])"},
    {"CUMULATE", Kind::kCumulating, true,
     "CUMULATE(TABLE t, DESCRIPTOR(ts), step, size [, offset])"},
};

constexpr std::string_view kSessionSignature =
    "SESSION(TABLE t [PARTITION BY k], DESCRIPTOR(ts), gap [, longest])";

Status SetSession(const Duration& gap, const std::optional<Duration>& longest,
                  plan::Window* out) {
  out->kind = Kind::kSession;
  ARROW_ASSIGN_OR_RAISE(out->size.micros, MicrosOf(gap));
  out->step = out->size;
  if (out->size.micros <= 0) {
    return errors::kSqlBadWindow.Make(gap.where.ToWhere(), "the gap must be positive");
  }
  if (!longest) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(out->longest.micros, MicrosOf(*longest));
  if (out->longest.micros < out->size.micros) {
    return errors::kSqlBadWindow.Make(
        longest->where.ToWhere(),
        "sessions of at most {} would end before their gap of {} is over",
        out->longest.ToString(), out->size.ToString());
  }
  return Status::OK();
}

const TableWindow* FindTableWindow(std::string_view name) {
  for (const TableWindow& window : kTableWindows) {
    if (window.name == name) return &window;
  }
  return nullptr;
}

}  // namespace

Result<plan::Window> QueryBinder::BindWindow(const TimeWindow& window, Relation* from) {
  plan::Window out;
  switch (window.kind) {
    case TimeWindow::Kind::kTumbling:
      ARROW_RETURN_NOT_OK(SetLengths(Kind::kTumbling, window.size, std::nullopt, &out));
      break;
    case TimeWindow::Kind::kSliding:
      ARROW_RETURN_NOT_OK(SetLengths(Kind::kSliding, window.size, window.step, &out));
      break;
    case TimeWindow::Kind::kCumulating:
      ARROW_RETURN_NOT_OK(SetLengths(Kind::kCumulating, window.size, window.step, &out));
      break;
    case TimeWindow::Kind::kSession:
      ARROW_RETURN_NOT_OK(SetSession(window.size, window.step, &out));
      if (window.offset || window.time_zone) {
        return errors::kSqlBadWindow.Make(
            window.where.ToWhere(),
            "a session begins with its first row: OFFSET and TIME ZONE have no meaning");
      }
      break;
  }
  if (window.offset) {
    ARROW_ASSIGN_OR_RAISE(out.offset_micros, MicrosOf(*window.offset));
  }
  if (window.time_zone) {
    ARROW_RETURN_NOT_OK(WithWhere(functions::LocateTimeZone(*window.time_zone).status(),
                                  window.where.ToWhere()));
    out.time_zone = *window.time_zone;
  }
  ExprPtr time;
  Location where = window.where;
  if (window.time_column) {
    ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column,
                          from->scope.Find(*window.time_column));
    time = column->value;
    where = (*window.time_column)[0].where;
  } else if (from->scope.event_time) {
    time = ColumnOf(*from->node, *from->scope.event_time);
  } else {
    return errors::kSqlBadWindow.Make(
        where.ToWhere(),
        "no time column: name it, TUMBLING(ts, 5m), or declare a WATERMARK");
  }
  ARROW_ASSIGN_OR_RAISE(out.time_column, EventTimeColumn(time, where, from));
  return out;
}

// TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset]), TUMBLE(t, ts, size [, offset]); HOP
// and CUMULATE have the step before the size.
Result<Relation> QueryBinder::BindTableFunction(const TableFunction& function,
                                                const TableAlias& alias, Location where) {
  const std::string name = ToUpper(function.name.text);
  const TableWindow* known = FindTableWindow(name);
  if (name == "SESSION") return BindSessionFunction(function, alias, where);
  if (known == nullptr) {
    return errors::kSqlUnknownTable.Make(
        where.ToWhere(), "table function {}{}", function.name.text,
        Suggest(function.name.text, {"TUMBLE", "HOP", "CUMULATE", "SESSION"}));
  }
  const auto& arguments = function.arguments;
  const size_t lengths = known->has_step ? 2 : 1;
  if (arguments.size() != 2 + lengths && arguments.size() != 3 + lengths) {
    return errors::kSqlBadWindow.Make(where.ToWhere(), "{} has {} arguments here",
                                      known->signature, arguments.size());
  }
  for (const TableArgument& argument : arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
    if (!argument.partition_by.empty()) {
      return NotSupported(where, "PARTITION BY in " + name);
    }
  }
  ARROW_ASSIGN_OR_RAISE(Relation input, BindTableArgument(arguments[0]));
  ARROW_ASSIGN_OR_RAISE(Path time, DescriptorOf(arguments[1]));
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, input.scope.Find(time));
  std::optional<Duration> step;
  if (known->has_step) {
    ARROW_ASSIGN_OR_RAISE(step, DurationOf(arguments[2]));
  }
  ARROW_ASSIGN_OR_RAISE(Duration size, DurationOf(arguments[1 + lengths]));
  plan::Window window;
  ARROW_RETURN_NOT_OK(SetLengths(known->kind, size, step, &window));
  if (arguments.size() == 3 + lengths) {
    ARROW_ASSIGN_OR_RAISE(Duration offset, DurationOf(arguments.back()));
    ARROW_ASSIGN_OR_RAISE(window.offset_micros, MicrosOf(offset));
  }
  ARROW_ASSIGN_OR_RAISE(window.time_column,
                        EventTimeColumn(column->value, time[0].where, &input));
  ARROW_ASSIGN_OR_RAISE(Relation out, WithBounds(std::move(input), window, alias, where));
  window.assigned = true;
  window.time_column = out.scope.window->first_column + 2;
  out.scope.window->window = window;
  return out;
}

// SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), gap [, longest]).
Result<Relation> QueryBinder::BindSessionFunction(const TableFunction& function,
                                                  const TableAlias& alias,
                                                  Location where) {
  const auto& arguments = function.arguments;
  if (arguments.size() != 3 && arguments.size() != 4) {
    return errors::kSqlBadWindow.Make(where.ToWhere(), "{} has {} arguments here",
                                      kSessionSignature, arguments.size());
  }
  for (const TableArgument& argument : arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
  }
  ARROW_ASSIGN_OR_RAISE(Relation input, BindTableArgument(arguments[0]));
  ARROW_ASSIGN_OR_RAISE(Path time, DescriptorOf(arguments[1]));
  ARROW_ASSIGN_OR_RAISE(const ScopeColumn* column, input.scope.Find(time));
  plan::Window window;
  ARROW_ASSIGN_OR_RAISE(Duration gap, DurationOf(arguments[2]));
  std::optional<Duration> longest;
  if (arguments.size() == 4) {
    ARROW_ASSIGN_OR_RAISE(longest, DurationOf(arguments[3]));
  }
  ARROW_RETURN_NOT_OK(SetSession(gap, longest, &window));
  ARROW_ASSIGN_OR_RAISE(window.time_column,
                        EventTimeColumn(column->value, time[0].where, &input));
  std::vector<ExprPtr> keys;
  ExpressionBinder binder(context_, input.scope);
  for (const ExpressionPtr& key : arguments[0].partition_by) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*key));
    keys.push_back(std::move(bound));
  }
  ARROW_ASSIGN_OR_RAISE(Relation out, WithBounds(std::move(input), window, alias, where));
  out.scope.window->session_keys = std::move(keys);
  return out;
}

// `input` with window_start, window_end and window_time.
Result<Relation> QueryBinder::WithBounds(Relation input, const plan::Window& window,
                                         const TableAlias& alias, Location where) {
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
    for (ScopeColumn& each : out.scope.columns) each.table = table;
  }
  ARROW_RETURN_NOT_OK(NameColumns(alias, where, &out.scope));
  out.scope.window = ScopeWindow{window, first, {}};
  return out;
}

std::optional<int> WindowBound(std::string_view function) {
  for (const std::string_view kind : {"tumble", "hop", "cumulate", "session"}) {
    if (!function.starts_with(kind)) continue;
    const std::string_view bound = function.substr(kind.size());
    if (bound == "_start") return 0;
    if (bound == "_end") return 1;
  }
  return std::nullopt;
}

bool HoldsSessions(const plan::NodePtr& node) {
  const auto* window = plan::As<plan::WindowNode>(node);
  if (window != nullptr && window->window().is_session()) return true;
  return std::any_of(node->inputs().begin(), node->inputs().end(), HoldsSessions);
}

// The aggregation finds the sessions, over the rows as they are; so they must be what it
// is by, and nothing may stand between.
Status QueryBinder::FindSessions(Location where, Relation* from, Grouping* grouping) {
  const std::vector<ExprPtr>& keys = from->scope.window->session_keys;
  const auto has = [](const std::vector<ExprPtr>& all, const ExprPtr& one) {
    return std::any_of(all.begin(), all.end(),
                       [&](const ExprPtr& key) { return key->Equals(*one); });
  };
  const auto all_in = [&](const std::vector<ExprPtr>& some,
                          const std::vector<ExprPtr>& all) {
    return std::all_of(some.begin(), some.end(),
                       [&](const ExprPtr& one) { return has(all, one); });
  };
  if (!grouping->window || !all_in(keys, grouping->keys) ||
      !all_in(grouping->keys, keys)) {
    return errors::kSqlBadWindow.Make(
        where.ToWhere(),
        "sessions are found by GROUP BY window_start, window_end and what SESSION is "
        "PARTITION BY, nothing else");
  }
  const auto* window = plan::As<plan::WindowNode>(from->node);
  if (window == nullptr) {
    return errors::kSqlBadWindow.Make(
        where.ToWhere(),
        "a condition on rows must stand before they are in sessions: "
        "SESSION((SELECT … WHERE …), …)");
  }
  grouping->window = window->window();
  from->node = plan::NodePtr(window->input());
  auto& columns = from->scope.columns;
  columns.erase(columns.end() - 3, columns.end());
  return Status::OK();
}

Result<Relation> QueryBinder::BindTableArgument(const TableArgument& argument) {
  if (argument.table != nullptr) return BindTable(*argument.table);
  const Location where = argument.value->where;
  NamedTable named;
  if (const auto* table = argument.value->As<Name>()) {
    named.path = table->path;
    return BindNamedTable(named, {}, where);
  }
  if (const auto* file = argument.value->As<Literal>();
      file != nullptr && file->kind == Literal::Kind::kString) {
    named.file = file->text;
    return BindNamedTable(named, {}, where);
  }
  if (const auto* query = argument.value->As<ScalarQuery>()) {
    return BindSubquery(*query->query, {}, where);
  }
  return errors::kSqlBadWindow.Make(where.ToWhere(), "the first argument is a table");
}

}  // namespace millrace::sql
