// EMIT and GRACE PERIOD: when the results of an aggregation leave.
#include <algorithm>
#include <optional>

#include "millrace/plan/errors.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/time_options.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/query_binder_internal.h"

namespace millrace::sql {

using plan::NodePtr;
using Mode = EmitClause::Mode;

namespace {

constexpr int64_t kMostEveryMicros = int64_t{366} * 86'400'000'000;

bool Groups(const NodePtr& node) {
  return node->kind() == plan::AggregateNode::kKind ||
         std::any_of(node->inputs().begin(), node->inputs().end(), Groups);
}

bool HasWindow(const NodePtr& node) {
  const auto* group = plan::As<plan::AggregateNode>(node);
  if (group != nullptr && group->window()) return true;
  return std::any_of(node->inputs().begin(), node->inputs().end(), HasWindow);
}

bool AsksForChanges(const Query& query) {
  return query.emit &&
         (query.emit->mode == Mode::kChanges || query.emit->mode == Mode::kEvery);
}

// Of the source that brings event time, if one does; several have to agree.
Result<std::optional<plan::LateStrategy>> LateRowsOf(const NodePtr& input,
                                                     Location where) {
  std::optional<plan::LateStrategy> out;
  if (const auto* scan = plan::As<plan::ScanNode>(input)) {
    if (!scan->table()->watermark) return out;
    auto late = plan::LateStrategyOf(*scan->table());
    if (!late.ok()) return WithWhere(late.status(), where.ToWhere());
    return std::optional(*late);
  }
  for (const NodePtr& from : input->inputs()) {
    // The right side of a join brings no time of its own.
    if (input->kind() == plan::JoinNode::kKind && from != input->input()) break;
    ARROW_ASSIGN_OR_RAISE(const auto late, LateRowsOf(from, where));
    if (out && late && *out != *late) {
      return errors::kSqlBadWindow.Make(where.ToWhere(),
                                        "the sources have different options late.data.…");
    }
    if (late) out = late;
  }
  return out;
}

Result<int64_t> PositiveMicros(const Duration& duration, std::string_view what) {
  ARROW_ASSIGN_OR_RAISE(const int64_t micros, MicrosOf(duration));
  if (micros > 0) return micros;
  return errors::kSqlBadEmission.Make(duration.where.ToWhere(), "{} is to be more than 0",
                                      what);
}

}  // namespace

// Without a word, windows give final results, and so does input that ends; what else is
// grouped has no end to wait for.
Status QueryBinder::BindEmission(const Query& query, const NodePtr& input, Location where,
                                 Grouping* grouping) {
  const bool windowed = grouping->window.has_value();
  const bool bounded = input->bounded();
  const bool final_asked = query.emit && !AsksForChanges(query);
  if (!bounded && !windowed && final_asked) {
    return errors::kNeedsBoundedInput.Make(query.emit->where.ToWhere(),
                                           "an aggregation without a window");
  }
  plan::Emission& emission = grouping->emission;
  emission.changes = AsksForChanges(query) || (!bounded && !windowed);
  if (query.emit && query.emit->every) {
    ARROW_ASSIGN_OR_RAISE(emission.every_micros,
                          PositiveMicros(*query.emit->every, "EMIT EVERY"));
    if (emission.every_micros > kMostEveryMicros) {
      return errors::kSqlBadEmission.Make(query.emit->every->where.ToWhere(),
                                          "EMIT EVERY is a year at the most");
    }
  }
  if (!windowed) {
    if (query.grace) {
      return errors::kSqlBadEmission.Make(query.grace->where.ToWhere(),
                                          "GRACE PERIOD without a window");
    }
    if (query.emit && query.emit->mode == Mode::kOnWindowClose) {
      return errors::kSqlBadEmission.Make(query.emit->where.ToWhere(),
                                          "EMIT ON WINDOW CLOSE without a window");
    }
    return Status::OK();
  }
  plan::Window& window = *grouping->window;
  ARROW_ASSIGN_OR_RAISE(const auto asked, LateRowsOf(input, where));
  const plan::LateStrategy late = asked.value_or(plan::LateStrategy{});
  window.late = late.late;
  window.grace_micros = late.update_micros;
  if (query.grace) {
    ARROW_ASSIGN_OR_RAISE(window.grace_micros,
                          PositiveMicros(*query.grace, "GRACE PERIOD"));
  }
  if (!window.is_session()) return Status::OK();
  if (emission.changes) return NotSupported(where, "EMIT CHANGES of sessions");
  if (query.grace) return NotSupported(query.grace->where, "GRACE PERIOD of sessions");
  if (window.grace_micros > 0)
    return NotSupported(where, "late.data.strategy = 'update_previous' of sessions");
  if (window.late == plan::Window::Late::kNextWindow) {
    return NotSupported(where,
                        "late.data.strategy = 'include_in_next_window' of sessions");
  }
  return Status::OK();
}

// What a clause says must be about something, and reach it.
Status QueryBinder::CheckEmit(const Query& query, const NodePtr& node) const {
  const auto* select = std::get_if<Select>(&query.body->node);
  const bool groups = select && IsGrouped(*select, query, *context_.functions);
  if (query.grace && !(groups && HasWindow(node))) {
    return errors::kSqlBadEmission.Make(query.grace->where.ToWhere(),
                                        "GRACE PERIOD without a window");
  }
  if (!query.emit || groups) return Status::OK();
  const Where where = query.emit->where.ToWhere();
  if (query.emit->mode == Mode::kOnWindowClose && !HasWindow(node))
    return errors::kSqlBadEmission.Make(where, "EMIT ON WINDOW CLOSE without a window");
  if (!AsksForChanges(query)) {
    if (node->change_mode() == plan::ChangeMode::kAppend) return Status::OK();
    return errors::kSqlBadEmission.Make(
        where, "the query below it emits changes: say there that it emits final results");
  }
  if (Groups(node)) {
    return errors::kSqlBadEmission.Make(
        where, "the query below it groups: say there that it emits changes");
  }
  if (query.emit->mode == Mode::kEvery)
    return errors::kSqlBadEmission.Make(where, "EMIT EVERY without GROUP BY");
  return Status::OK();
}

}  // namespace millrace::sql
