// OVER (…), named windows and the frames in them.
#include "millrace/sql/over_binder_internal.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/data/type_name.h"
#include "millrace/expr/evaluate.h"
#include "millrace/plan/errors.h"
#include "millrace/plan/event_time.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"

namespace millrace::sql {

using expr::Expr;
using expr::ExprPtr;
using plan::OverFunction;
using BoundKind = plan::FrameBound::Kind;
using Unit = plan::OverFrame::Unit;

namespace {

// Columns from here on are calls whose place is not known yet.
constexpr int kFirstCall = 1 << 24;
// Digits of a DECIMAL that fit the frame's arithmetic.
constexpr int kMaxDistanceDigits = 18;

struct Function {
  std::string_view name;
  OverFunction function;
  size_t arguments;
};

constexpr Function kFunctions[] = {
    {"row_number", OverFunction::kRowNumber, 0},
    {"rank", OverFunction::kRank, 0},
    {"dense_rank", OverFunction::kDenseRank, 0},
    {"percent_rank", OverFunction::kPercentRank, 0},
    {"cume_dist", OverFunction::kCumeDist, 0},
    {"ntile", OverFunction::kNtile, 1},
    {"first_value", OverFunction::kFirstValue, 1},
    {"last_value", OverFunction::kLastValue, 1},
    {"nth_value", OverFunction::kNthValue, 2},
};

const Function* FindFunction(std::string_view name) {
  for (const Function& function : kFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

bool IsLag(std::string_view name) { return name == "lag"; }
bool IsLead(std::string_view name) { return name == "lead"; }

bool TakesNullTreatment(std::string_view name) {
  return IsLag(name) || IsLead(name) || name == "first_value" || name == "last_value" ||
         name == "nth_value";
}

BoundKind KindOf(FrameBound::Kind kind) {
  switch (kind) {
    case FrameBound::Kind::kUnboundedPreceding: return BoundKind::kUnboundedPreceding;
    case FrameBound::Kind::kPreceding: return BoundKind::kPreceding;
    case FrameBound::Kind::kCurrentRow: return BoundKind::kCurrentRow;
    case FrameBound::Kind::kFollowing: return BoundKind::kFollowing;
    case FrameBound::Kind::kUnboundedFollowing: return BoundKind::kUnboundedFollowing;
  }
  return BoundKind::kCurrentRow;
}

template <typename... Args>
Status BadWindow(Location where, fmt::format_string<Args...> format, Args&&... args) {
  return errors::kSqlBadOver.Make(where.ToWhere(), format, std::forward<Args>(args)...);
}

// Nanoseconds of one unit of a time key, as its values are compared.
int64_t NanosOf(const arrow::DataType& type) {
  arrow::TimeUnit::type unit = arrow::TimeUnit::MICRO;
  if (type.id() == arrow::Type::TIMESTAMP)
    unit = static_cast<const arrow::TimestampType&>(type).unit();
  if (type.id() == arrow::Type::TIME32 || type.id() == arrow::Type::TIME64)
    unit = static_cast<const arrow::TimeType&>(type).unit();
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1'000'000'000;
    case arrow::TimeUnit::MILLI: return 1'000'000;
    case arrow::TimeUnit::MICRO: return 1'000;
    case arrow::TimeUnit::NANO: return 1;
  }
  return 1;
}

}  // namespace

bool NeedsOver(std::string_view function) {
  const std::string name = ToLower(std::string(function));
  return FindFunction(name) != nullptr || IsLag(name) || IsLead(name);
}

Result<OverWindow> OverBinder::Named(const Identifier& name) const {
  std::vector<std::string> names;
  for (const auto& [known, window] : select_.named_windows) {
    if (!EqualsIgnoreCase(known.text, name.text)) {
      names.push_back(known.text);
      continue;
    }
    if (!window.base) return window;
    // Defined before it: so no window can be its own base.
    OverWindow out = window;
    for (const auto& [other, base] : select_.named_windows) {
      if (&base == &window) break;
      if (!EqualsIgnoreCase(other.text, window.base->text)) continue;
      FunctionCall call;
      call.over = std::make_shared<OverWindow>(window);
      return WindowOf(call, known.where);
    }
    return BadWindow(window.base->where, "no window {} is defined before it",
                     window.base->text);
  }
  return BadWindow(name.where, "no window {} in the WINDOW clause{}", name.text,
                   Suggest(name.text, names));
}

// What the call stands over, with what its base gives.
Result<OverWindow> OverBinder::WindowOf(const FunctionCall& call, Location where) const {
  if (call.over_name) return Named(*call.over_name);
  OverWindow out = *call.over;
  if (!out.base) return out;
  ARROW_ASSIGN_OR_RAISE(const OverWindow base, Named(*out.base));
  if (!out.partition_by.empty()) {
    return BadWindow(out.base->where, "PARTITION BY is that of {}", out.base->text);
  }
  if (!out.order_by.empty() && !base.order_by.empty()) {
    return BadWindow(out.base->where, "{} has an ORDER BY", out.base->text);
  }
  if (base.frame || base.buffer_rows) {
    return BadWindow(out.base->where, "{} has a frame: write OVER {}", out.base->text,
                     out.base->text);
  }
  out.partition_by = base.partition_by;
  if (out.order_by.empty()) out.order_by = base.order_by;
  out.base.reset();
  return out;
}

Result<OverBinder::Window> OverBinder::BindWindow(const OverWindow& window,
                                                  Location where,
                                                  ExpressionBinder& binder) {
  if (window.session_gap) return NotSupported(where, "SESSION WITH GAP in OVER");
  if (window.emit == OverWindow::Emit::kOnBufferFull)
    return NotSupported(where, "EMIT ON BUFFER FULL");
  if (window.expire_after)
    return NotSupported(window.expire_after->where, "EXPIRE AFTER a time of inactivity");
  Window out;
  for (const ExpressionPtr& key : window.partition_by) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*key));
    ARROW_RETURN_NOT_OK(CheckKey(*bound, key->where, "PARTITION BY"));
    if (bound->type()->id() == arrow::Type::NA)
      bound = Expr::Cast(std::move(bound), arrow::int32());
    out.partition.push_back(std::move(bound));
  }
  for (const OrderItem& item : window.order_by) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*item.value));
    ARROW_RETURN_NOT_OK(CheckKey(*bound, item.value->where, "ORDER BY"));
    if (bound->type()->id() == arrow::Type::NA)
      bound = Expr::Cast(std::move(bound), arrow::int32());
    out.order.push_back(
        {std::move(bound), item.descending, item.nulls_first.value_or(false)});
  }
  return out;
}

Result<int64_t> OverBinder::WholeNumber(const Expression& expression,
                                        std::string_view what,
                                        ExpressionBinder& binder) const {
  ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(expression));
  if (arrow::is_integer(bound->type()->id())) {
    ARROW_ASSIGN_OR_RAISE(
        bound, expr::FoldConstants(Expr::Cast(std::move(bound), arrow::int64()),
                                   *context_.evaluation));
    if (bound->kind() == expr::ExprKind::kLiteral && bound->literal()->is_valid)
      return static_cast<const arrow::Int64Scalar&>(*bound->literal()).value;
  }
  return errors::kSqlNotConstant.Make(expression.where.ToWhere(),
                                      "{} is a whole number, not {}", what,
                                      ToSql(expression));
}

// The offset of RANGE: a distance between two values of the order key.
Status OverBinder::BindDistance(const Expression& offset, const Window& window,
                                ExpressionBinder& binder, plan::FrameBound* out) {
  const Location where = offset.where;
  if (window.order.size() != 1) {
    return BadWindow(where, "RANGE with an offset takes one ORDER BY key, not {}",
                     window.order.size());
  }
  const expr::TypePtr type = window.order[0].expression->type();
  ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(offset));
  const arrow::Type::type given = bound->type()->id();
  expr::TypePtr wanted;
  if (arrow::is_integer(type->id()) && type->id() != arrow::Type::UINT64) {
    if (arrow::is_integer(given)) wanted = arrow::int64();
  } else if (type->id() == arrow::Type::FLOAT || type->id() == arrow::Type::DOUBLE) {
    if (arrow::is_numeric(given) || arrow::is_decimal(given)) wanted = arrow::float64();
  } else if (type->id() == arrow::Type::DECIMAL128) {
    const auto& key = static_cast<const arrow::DecimalType&>(*type);
    const bool finer =
        arrow::is_decimal(given) &&
        static_cast<const arrow::DecimalType&>(*bound->type()).scale() > key.scale();
    if (key.precision() <= kMaxDistanceDigits && !finer &&
        (arrow::is_integer(given) || arrow::is_decimal(given)))
      wanted = arrow::decimal128(38, key.scale());
  } else if (arrow::is_temporal(type->id())) {
    if (given == arrow::Type::INTERVAL_MONTH_DAY_NANO) wanted = bound->type();
  }
  if (wanted == nullptr) {
    return BadWindow(where, "RANGE {} does not fit an order by {}", ToSql(offset),
                     data::SqlTypeName(*type));
  }
  ARROW_ASSIGN_OR_RAISE(ExprPtr value, expr::FoldConstants(Expr::Cast(bound, wanted),
                                                           *context_.evaluation));
  if (value->kind() != expr::ExprKind::kLiteral || !value->literal()->is_valid) {
    return errors::kSqlNotConstant.Make(where.ToWhere(), "RANGE takes no {}",
                                        ToSql(offset));
  }
  const arrow::Scalar& scalar = *value->literal();
  bool negative = false;
  if (wanted->id() == arrow::Type::INT64) {
    out->offset = static_cast<const arrow::Int64Scalar&>(scalar).value;
    negative = out->offset < 0;
  } else if (wanted->id() == arrow::Type::DOUBLE) {
    out->real = static_cast<const arrow::DoubleScalar&>(scalar).value;
    negative = !(out->real >= 0);
  } else if (wanted->id() == arrow::Type::DECIMAL128) {
    const auto digits = static_cast<const arrow::Decimal128Scalar&>(scalar).value;
    if (!digits.ToInteger(&out->offset).ok())
      return BadWindow(where, "the offset {} is too large", ToSql(offset));
    negative = out->offset < 0;
  } else {
    const auto& interval =
        static_cast<const arrow::MonthDayNanoIntervalScalar&>(scalar).value;
    if (interval.months != 0)
      return BadWindow(where, "months and years have no fixed length; use days");
    const __int128 nanos =
        __int128{interval.days} * 86'400'000'000'000 + interval.nanoseconds;
    const __int128 units = nanos / NanosOf(*type);
    if (units > std::numeric_limits<int64_t>::max())
      return BadWindow(where, "the offset {} is too large", ToSql(offset));
    out->offset = static_cast<int64_t>(units);
    negative = nanos < 0;
  }
  if (negative) return BadWindow(where, "the offset {} is negative", ToSql(offset));
  return Status::OK();
}

Status OverBinder::BindBound(const FrameBound& bound, Unit unit, const Window& window,
                             Location where, ExpressionBinder& binder,
                             plan::FrameBound* out) {
  out->kind = KindOf(bound.kind);
  if (bound.offset == nullptr) return Status::OK();
  if (unit == Unit::kRange) return BindDistance(*bound.offset, window, binder, out);
  ARROW_ASSIGN_OR_RAISE(out->offset,
                        WholeNumber(*bound.offset, "the offset of a frame", binder));
  if (out->offset < 0) {
    return BadWindow(bound.offset->where, "the offset {} is negative",
                     ToSql(*bound.offset));
  }
  return Status::OK();
}

Result<plan::OverFrame> OverBinder::BindFrame(const OverWindow& window,
                                              const Window& bound, Location where,
                                              ExpressionBinder& binder) {
  plan::OverFrame out;
  if (window.frame) {
    const Frame& frame = *window.frame;
    out.unit = frame.unit == Frame::Unit::kRows    ? Unit::kRows
               : frame.unit == Frame::Unit::kRange ? Unit::kRange
                                                   : Unit::kGroups;
    ARROW_RETURN_NOT_OK(
        BindBound(frame.begin, out.unit, bound, where, binder, &out.begin));
    ARROW_RETURN_NOT_OK(BindBound(frame.end, out.unit, bound, where, binder, &out.end));
    // The order of FrameBound::Kind is that of the rows.
    if (out.begin.kind > out.end.kind ||
        out.begin.kind == BoundKind::kUnboundedFollowing ||
        out.end.kind == BoundKind::kUnboundedPreceding) {
      return BadWindow(where, "the frame ends before it begins");
    }
    if (out.unit == Unit::kGroups && bound.order.empty())
      return BadWindow(where, "GROUPS needs ORDER BY");
  }
  if (!window.buffer_rows) return out;
  // The rows of a buffer are the greatest frame.
  const int64_t most = *window.buffer_rows;
  if (most < 1) return BadWindow(where, "a buffer holds at least one row");
  if (!window.frame) out.unit = Unit::kRows;
  if (out.unit != Unit::kRows)
    return BadWindow(where, "a buffer of rows takes a frame of ROWS");
  if (out.begin.kind == BoundKind::kUnboundedPreceding)
    out.begin = {BoundKind::kPreceding, most - 1};
  const auto reach = [](const plan::FrameBound& at) {
    return at.kind == BoundKind::kPreceding   ? -at.offset
           : at.kind == BoundKind::kFollowing ? at.offset
                                              : 0;
  };
  if (out.to_end() || std::max(reach(out.end), int64_t{0}) - reach(out.begin) >= most) {
    return BadWindow(where, "the frame reaches beyond the buffer of {} rows", most);
  }
  return out;
}

Result<ExprPtr> OverBinder::Bind(const FunctionCall& call, const Expression& expression,
                                 ExpressionBinder& binder) {
  const Location where = expression.where;
  binder.set_over(nullptr);  // one function OVER inside another is refused
  const auto bind = [&]() -> Result<ExprPtr> {
    ARROW_ASSIGN_OR_RAISE(const OverWindow window, WindowOf(call, where));
    ARROW_ASSIGN_OR_RAISE(Window bound, BindWindow(window, where, binder));
    plan::OverCall out;
    ARROW_ASSIGN_OR_RAISE(out.frame, BindFrame(window, bound, where, binder));
    out.name = OutputName(expression);
    ARROW_RETURN_NOT_OK(BindFunction(call, where, binder, &out));
    return Add(std::move(bound), std::move(out), where);
  };
  Result<ExprPtr> out = bind();
  binder.set_over(this);
  return out;
}

Status OverBinder::BindFunction(const FunctionCall& call, Location where,
                                ExpressionBinder& binder, plan::OverCall* out) {
  const std::string name = ToLower(call.name.text);
  const bool ignore_nulls = call.ignore_nulls.value_or(false);
  if (call.ignore_nulls && !TakesNullTreatment(name))
    return BadWindow(where, "{} takes no IGNORE or RESPECT NULLS", name);
  if (!call.order_by.empty() || !call.within_group.empty())
    return NotSupported(where, "ORDER BY inside a function with OVER");
  for (const FunctionArgument& argument : call.arguments) {
    if (argument.name) return NotSupported(argument.name->where, "a named argument");
  }
  const Function* function = FindFunction(name);
  const bool neighbour = IsLag(name) || IsLead(name);
  if (function == nullptr && !neighbour) return BindAggregate(call, where, binder, out);
  if (call.distinct || call.star || call.filter != nullptr) {
    return errors::kSqlMisplacedAggregate.Make(
        where.ToWhere(), "{} is no aggregate: *, DISTINCT and FILTER mean nothing in it",
        name);
  }
  if (ignore_nulls && name != "first_value" && name != "last_value")
    return NotSupported(where, "IGNORE NULLS of " + name);
  if (neighbour) return BindNeighbour(call, IsLag(name), where, binder, out);
  if (call.arguments.size() != function->arguments) {
    return BadWindow(where, "{} takes {} arguments, not {}", name, function->arguments,
                     call.arguments.size());
  }
  out->function = function->function;
  out->type = arrow::int64();
  switch (function->function) {
    case OverFunction::kPercentRank:
    case OverFunction::kCumeDist: out->type = arrow::float64(); break;
    case OverFunction::kNtile: {
      ARROW_ASSIGN_OR_RAISE(out->number, WholeNumber(*call.arguments[0].value,
                                                     "the number of NTILE", binder));
      break;
    }
    case OverFunction::kNthValue: {
      ARROW_ASSIGN_OR_RAISE(out->number, WholeNumber(*call.arguments[1].value,
                                                     "the row of NTH_VALUE", binder));
      break;
    }
    default: break;
  }
  if (out->number < 1)
    return BadWindow(where, "{} counts from 1, not {}", name, out->number);
  const bool of_value = function->function == OverFunction::kFirstValue ||
                        function->function == OverFunction::kLastValue ||
                        function->function == OverFunction::kNthValue;
  if (!of_value) {
    out->frame = {};
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(ExprPtr value, binder.Bind(*call.arguments[0].value));
  if (value->type()->id() == arrow::Type::NA)
    value = Expr::Cast(std::move(value), arrow::int32());
  if (ignore_nulls) return BindArrival(std::move(value), where, out);
  out->type = value->type();
  out->aggregate.arguments.push_back(std::move(value));
  return Status::OK();
}

// FIRST_VALUE and LAST_VALUE that pass over NULLs: the aggregate FIRST or LAST of rows
// that have a value, which need not be kept.
Status OverBinder::BindArrival(ExprPtr value, Location where, plan::OverCall* out) {
  plan::AggregateCall& aggregate = out->aggregate;
  aggregate.function = context_.functions->FindAggregate(
      out->function == OverFunction::kFirstValue ? "first" : "last");
  out->function = OverFunction::kAggregate;
  ARROW_ASSIGN_OR_RAISE(aggregate.filter,
                        Expr::Call(*context_.functions, "is_not_null", {value}));
  aggregate.literals.push_back(value->literal());
  Result<expr::AggregateBinding> binding =
      aggregate.function->bind({value->type()}, aggregate.literals);
  if (!binding.ok()) return WithWhere(binding.status(), where.ToWhere());
  aggregate.binding = std::move(*binding);
  aggregate.arguments.push_back(
      Expr::Cast(std::move(value), aggregate.binding.argument_types[0]));
  out->type = aggregate.binding.result;
  return Status::OK();
}

// LAG and LEAD: the only row of a frame so many rows away.
Status OverBinder::BindNeighbour(const FunctionCall& call, bool before, Location where,
                                 ExpressionBinder& binder, plan::OverCall* out) {
  if (call.arguments.empty() || call.arguments.size() > 3) {
    return BadWindow(where, "{}(value [, rows [, default]])", ToLower(call.name.text));
  }
  int64_t rows = 1;
  if (call.arguments.size() > 1) {
    ARROW_ASSIGN_OR_RAISE(
        rows, WholeNumber(*call.arguments[1].value, "the number of rows", binder));
  }
  if (rows < 0) {
    before = !before;
    rows = -rows;
  }
  const BoundKind kind = rows == 0 ? BoundKind::kCurrentRow
                         : before  ? BoundKind::kPreceding
                                   : BoundKind::kFollowing;
  out->function = OverFunction::kFirstValue;
  out->frame = {Unit::kRows, {kind, rows}, {kind, rows}};
  ARROW_ASSIGN_OR_RAISE(ExprPtr value, binder.Bind(*call.arguments[0].value));
  if (call.arguments.size() == 3) {
    ARROW_ASSIGN_OR_RAISE(out->otherwise, binder.Bind(*call.arguments[2].value));
    ARROW_ASSIGN_OR_RAISE(
        const expr::TypePtr type,
        CommonTypeAt(value->type(), out->otherwise->type(),
                     call.arguments[2].value->where, "the value and its default"));
    value = Expr::Cast(std::move(value), type);
    out->otherwise = Expr::Cast(std::move(out->otherwise), type);
  }
  if (value->type()->id() == arrow::Type::NA) {
    value = Expr::Cast(std::move(value), arrow::int32());
    if (out->otherwise) out->otherwise = Expr::Cast(out->otherwise, arrow::int32());
  }
  out->type = value->type();
  out->aggregate.arguments.push_back(std::move(value));
  return Status::OK();
}

Status OverBinder::BindAggregate(const FunctionCall& call, Location where,
                                 ExpressionBinder& binder, plan::OverCall* out) {
  out->function = OverFunction::kAggregate;
  plan::AggregateCall& aggregate = out->aggregate;
  aggregate.function = context_.functions->FindAggregate(call.name.text);
  if (aggregate.function == nullptr) {
    if (context_.functions->FindScalar(call.name.text) != nullptr) {
      return BadWindow(where, "{} looks at one row only and takes no OVER",
                       ToLower(call.name.text));
    }
    // The nearest name is offered there.
    return WithWhere(
        Expr::Call(*context_.functions, ToLower(call.name.text), {}).status(),
        where.ToWhere());
  }
  if (call.star && !EqualsIgnoreCase(call.name.text, "count"))
    return errors::kSqlSyntax.Make(where.ToWhere(), "found *, only COUNT takes it");
  aggregate.distinct = call.distinct;
  std::vector<expr::TypePtr> types;
  for (const FunctionArgument& argument : call.arguments) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr bound, binder.Bind(*argument.value));
    if (call.distinct)
      ARROW_RETURN_NOT_OK(CheckKey(*bound, argument.value->where, "DISTINCT"));
    types.push_back(bound->type());
    aggregate.literals.push_back(bound->literal());
    aggregate.arguments.push_back(std::move(bound));
  }
  Result<expr::AggregateBinding> binding =
      aggregate.function->bind(types, aggregate.literals);
  if (!binding.ok()) return WithWhere(binding.status(), where.ToWhere());
  aggregate.binding = std::move(*binding);
  for (size_t i = 0; i < aggregate.arguments.size(); ++i) {
    aggregate.arguments[i] = Expr::Cast(std::move(aggregate.arguments[i]),
                                        aggregate.binding.argument_types[i]);
  }
  if (call.filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(aggregate.filter, binder.BindCondition(*call.filter, "FILTER"));
  }
  out->type = aggregate.binding.result;
  return Status::OK();
}

Result<ExprPtr> OverBinder::Add(Window window, plan::OverCall call, Location where) {
  const auto same_order = [&](const Window& other) {
    return std::equal(
        window.order.begin(), window.order.end(), other.order.begin(), other.order.end(),
        [](const plan::SortKey& a, const plan::SortKey& b) {
          return a.expression->Equals(*b.expression) && a.descending == b.descending &&
                 a.nulls_first == b.nulls_first;
        });
  };
  const auto same_partition = [&](const Window& other) {
    return std::equal(window.partition.begin(), window.partition.end(),
                      other.partition.begin(), other.partition.end(),
                      [](const ExprPtr& a, const ExprPtr& b) { return a->Equals(*b); });
  };
  Window* into = nullptr;
  for (Window& known : windows_) {
    if (same_partition(known) && same_order(known)) into = &known;
  }
  if (into == nullptr) {
    windows_.push_back(std::move(window));
    into = &windows_.back();
  }
  const auto column = [](size_t number, const plan::OverCall& call) {
    return Expr::Column(kFirstCall + static_cast<int>(number), call.name, call.type);
  };
  const std::string text = call.ToString();
  for (size_t i = 0; i < into->calls.size(); ++i) {
    if (into->calls[i].ToString() == text)
      return column(into->numbers[i], into->calls[i]);
  }
  into->calls.push_back(std::move(call));
  into->numbers.push_back(calls_++);
  into->places.push_back(where);
  return column(into->numbers.back(), into->calls.back());
}

// Can rows leave as the watermark passes them?
bool OverBinder::ByTime(const Window& window, const plan::Node& input) {
  const std::optional<int> time = plan::EventTimeOf(input);
  if (!time || window.order.empty()) return false;
  const plan::SortKey& first = window.order[0];
  const auto& type = *first.expression->type();
  if (type.id() != arrow::Type::TIMESTAMP ||
      static_cast<const arrow::TimestampType&>(type).unit() != arrow::TimeUnit::MICRO)
    return false;
  return first.expression->kind() == expr::ExprKind::kColumn &&
         first.expression->column() == *time && !first.descending &&
         std::none_of(window.calls.begin(), window.calls.end(),
                      [](const plan::OverCall& call) { return call.needs_partition(); });
}

Result<plan::NodePtr> OverBinder::Node(plan::NodePtr node) {
  columns_.resize(calls_);
  for (Window& window : windows_) {
    const bool by_time = ByTime(window, *node);
    if (!by_time && !node->bounded()) {
      for (size_t i = 0; i < window.calls.size(); ++i) {
        if (!window.calls[i].needs_partition()) continue;
        return errors::kNeedsBoundedInput.Make(window.places[i].ToWhere(),
                                               "{} needs all rows of a partition",
                                               window.calls[i].name);
      }
      return errors::kNeedsBoundedInput.Make(
          window.places[0].ToWhere(),
          "OVER whose ORDER BY does not begin with the column of the WATERMARK, "
          "ascending");
    }
    for (size_t i = 0; i < window.numbers.size(); ++i) {
      columns_[window.numbers[i]] = node->schema()->num_fields() + static_cast<int>(i);
    }
    node =
        plan::OverNode::Make(std::move(node), std::move(window.partition),
                             std::move(window.order), std::move(window.calls), by_time);
  }
  return node;
}

ExprPtr OverBinder::Resolve(const ExprPtr& expression) const {
  if (expression == nullptr) return nullptr;
  if (expression->kind() == expr::ExprKind::kColumn) {
    if (expression->column() < kFirstCall) return expression;
    const auto number = static_cast<size_t>(expression->column() - kFirstCall);
    return Expr::Column(columns_[number], expression->name(), expression->type());
  }
  bool changed = false;
  std::vector<ExprPtr> children;
  for (const ExprPtr& child : expression->children()) {
    children.push_back(Resolve(child));
    changed |= children.back() != child;
  }
  return changed ? expression->WithChildren(std::move(children)) : expression;
}

}  // namespace millrace::sql
