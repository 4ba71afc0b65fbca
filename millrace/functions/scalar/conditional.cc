// AND, OR, NOT, IS NULL, COALESCE, NULLIF, IF, LEAST, GREATEST.
#include <arrow/compute/api.h>

#include "millrace/expr/errors.h"
#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

Result<TypePtr> Unified(const std::string& name, const Types& types, size_t begin) {
  if (types.size() <= begin) return BadArguments(name, types, "too few arguments");
  TypePtr common = types[begin];
  for (size_t i = begin + 1; i < types.size(); ++i) {
    common = expr::CommonType(common, types[i]);
    if (common == nullptr) {
      return BadArguments(name, types, "the types have nothing in common");
    }
  }
  return common;
}

Bind BindUnified(std::string name) {
  return
      [name = std::move(name)](const Types& types, const Literals&) -> Result<Binding> {
        ARROW_ASSIGN_OR_RAISE(TypePtr type, Unified(name, types, 0));
        return Binding{Types(types.size(), type), type};
      };
}

// Evaluation of these is the evaluator's own business.
Result<arrow::Datum> NeverCalled(EvalContext&, const Arguments&, int64_t,
                                 const TypePtr&) {
  return errors::kInternal.Make({}, "a control function was evaluated as a plain one");
}

Result<Binding> BindAny(const std::string& name, const Types& types) {
  if (types.size() != 1) return BadArguments(name, types);
  return Binding{types, arrow::boolean()};
}

Result<arrow::Datum> IsNullOf(EvalContext& context, const Arguments& arguments) {
  if (arguments[0].type()->id() == arrow::Type::NA && arguments[0].is_scalar()) {
    return arrow::Datum(true);
  }
  return CallArrow(context, "is_null", arguments);
}

// Of the values that are not NULL the one for which Better holds against all others.
// NaN is greater than every number, so a fold by Arrow's min/max would not do.
template <bool kGreatest, typename T>
bool Better(const T& candidate, const T& best) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool candidate_nan = candidate != candidate;
    const bool best_nan = best != best;
    if (candidate_nan || best_nan) {
      return kGreatest ? candidate_nan && !best_nan : best_nan && !candidate_nan;
    }
  }
  return kGreatest ? candidate > best : candidate < best;
}

// Picks per row the number of the winning argument; Arrow's "choose" then copies it.
template <bool kGreatest, typename T>
Result<arrow::Datum> PickExtreme(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  std::vector<Column<T>> columns;
  for (const arrow::Datum& argument : arguments) {
    ARROW_ASSIGN_OR_RAISE(auto column, Column<T>::Make(argument, context.pool));
    columns.push_back(std::move(column));
  }
  arrow::Int64Builder winners(context.pool);
  ARROW_RETURN_NOT_OK(winners.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    int64_t winner = 0;
    bool any = !columns[0].IsNull(row);
    T best = any ? columns[0][row] : T();
    for (size_t i = 1; i < columns.size(); ++i) {
      if (columns[i].IsNull(row)) continue;
      const T candidate = columns[i][row];
      if (any && !Better<kGreatest>(candidate, best)) continue;
      winner = static_cast<int64_t>(i);
      best = candidate;
      any = true;
    }
    winners.UnsafeAppend(winner);
  }
  ARROW_ASSIGN_OR_RAISE(auto indices, winners.Finish());
  Arguments inputs{arrow::Datum(std::move(indices))};
  for (const arrow::Datum& argument : arguments) inputs.push_back(argument);
  ARROW_ASSIGN_OR_RAISE(arrow::Datum chosen, CallArrow(context, "choose", inputs));
  return Retyped(chosen.make_array(), type, scalar);
}

template <bool kGreatest>
Result<arrow::Datum> Extreme(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  switch (type->id()) {
    case arrow::Type::STRING:
      return PickExtreme<kGreatest, std::string_view>(context, arguments, rows, type);
    case arrow::Type::DOUBLE:
      return PickExtreme<kGreatest, double>(context, arguments, rows, type);
    case arrow::Type::FLOAT:
      return PickExtreme<kGreatest, float>(context, arguments, rows, type);
    case arrow::Type::DECIMAL128:
      return PickExtreme<kGreatest, expr::Int128>(context, arguments, rows, type);
    case arrow::Type::BOOL:
      return PickExtreme<kGreatest, bool>(context, arguments, rows, type);
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return PickExtreme<kGreatest, int32_t>(context, arguments, rows, type);
    default: return PickExtreme<kGreatest, int64_t>(context, arguments, rows, type);
  }
}

Bind BindExtreme(std::string name) {
  return
      [name = std::move(name)](const Types& types, const Literals&) -> Result<Binding> {
        ARROW_ASSIGN_OR_RAISE(TypePtr type, Unified(name, types, 0));
        switch (type->id()) {
          case arrow::Type::NA: type = arrow::int32(); break;
          case arrow::Type::INT8:
          case arrow::Type::INT16:
          case arrow::Type::UINT8:
          case arrow::Type::UINT16: type = arrow::int32(); break;
          case arrow::Type::UINT32: type = arrow::int64(); break;
          case arrow::Type::STRING:
          case arrow::Type::DOUBLE:
          case arrow::Type::FLOAT:
          case arrow::Type::DECIMAL128:
          case arrow::Type::BOOL:
          case arrow::Type::INT32:
          case arrow::Type::INT64:
          case arrow::Type::DATE32:
          case arrow::Type::TIMESTAMP:
          case arrow::Type::TIME64: break;
          default: return BadArguments(name, types);
        }
        return Binding{Types(types.size(), type), type};
      };
}

// Equality as the = operator has it, so that NULLIF(NaN, NaN) is NULL.
Result<arrow::Datum> NullIf(EvalContext& context, const Arguments& arguments,
                            const ScalarFunction* equal, int64_t rows,
                            const TypePtr& type) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum same,
                        equal->evaluate(context, arguments, rows, arrow::boolean()));
  ARROW_ASSIGN_OR_RAISE(same,
                        CallArrow(context, "coalesce", {same, arrow::Datum(false)}));
  return CallArrow(context, "if_else",
                   {same, arrow::Datum(arrow::MakeNullScalar(type)), arguments[0]});
}

}  // namespace

Status RegisterConditional(FunctionRegistry& registry) {
  const auto boolean = arrow::boolean();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"and",
              {},
              "operator",
              "a AND b → boolean",
              "False where either side is false, else NULL where either is NULL. The "
              "right side is evaluated only where the left is not false.",
              "TRUE AND FALSE",
              "false"},
      .control = Control::kAnd,
      .bind = Variadic("and", {boolean, boolean}, boolean),
      .evaluate = NeverCalled}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"or",
              {},
              "operator",
              "a OR b → boolean",
              "True where either side is true, else NULL where either is NULL. The right "
              "side is evaluated only where the left is not true.",
              "TRUE OR NULL",
              "true"},
      .control = Control::kOr,
      .bind = Variadic("or", {boolean, boolean}, boolean),
      .evaluate = NeverCalled}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"not", {}, "operator", "NOT a → boolean", "Negation.", "NOT FALSE", "true"},
      .bind = Overloads("not", {{{boolean}, boolean}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t,
                     const TypePtr&) {
        return CallArrow(context, "invert", arguments);
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"is_null",
              {"isnull"},
              "comparison",
              "a IS NULL → boolean",
              "True where a is NULL; never NULL itself. NaN is not NULL.",
              "is_null(NULL)",
              "true"},
      .bind = [](const Types& types,
                 const Literals&) { return BindAny("is_null", types); },
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t,
                     const TypePtr&) { return IsNullOf(context, arguments); }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"is_not_null",
              {"notnull"},
              "comparison",
              "a IS NOT NULL → boolean",
              "True where a is not NULL; never NULL itself.",
              "is_not_null(1)",
              "true"},
      .bind = [](const Types& types,
                 const Literals&) { return BindAny("is_not_null", types); },
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t,
                     const TypePtr&) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(arrow::Datum null, IsNullOf(context, arguments));
        return CallArrow(context, "invert", {null});
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"coalesce",
              {"ifnull", "nvl"},
              "conditional",
              "coalesce(a, b, …) → common type",
              "The first argument that is not NULL. Later arguments are evaluated only "
              "where the earlier ones were NULL.",
              "coalesce(NULL, 2, 3)",
              "2"},
      .control = Control::kCoalesce,
      .bind = BindUnified("coalesce"),
      .evaluate = NeverCalled}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"if",
              {"iff", "iif"},
              "conditional",
              "if(condition, a, b) → common type",
              "a where the condition is true, b where it is false or NULL. Each is "
              "evaluated only on its own rows.",
              "if(1 < 2, 'yes', 'no')",
              "yes"},
      .control = Control::kIf,
      .bind = [](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 3 ||
            !FitsImplicitly(types[0], literals[0], arrow::boolean())) {
          return BadArguments("if", types);
        }
        ARROW_ASSIGN_OR_RAISE(TypePtr type, Unified("if", types, 1));
        return Binding{{arrow::boolean(), type, type}, type};
      },
      .evaluate = NeverCalled}));
  const ScalarFunction* equal = registry.FindScalar("=");
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"nullif",
              {},
              "conditional",
              "nullif(a, b) → type of a",
              "NULL where a equals b, else a.",
              "nullif(0, 0)",
              ""},
      .bind = [equal](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 2) return BadArguments("nullif", types);
        ARROW_ASSIGN_OR_RAISE(Binding binding, equal->bind(types, literals));
        return Binding{binding.argument_types, binding.argument_types[0]};
      },
      .evaluate =
          [equal](EvalContext& context, const Arguments& arguments, int64_t rows,
                  const TypePtr& type) {
            return NullIf(context, arguments, equal, rows, type);
          }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"least",
              {},
              "conditional",
              "least(a, b, …) → common type",
              "The smallest argument. NULLs are passed over; NULL only where all are.",
              "least(3, 1, 2)",
              "1"},
      .bind = BindExtreme("least"),
      .evaluate = Extreme<false>}));
  return registry.Add(ScalarFunction{
      .doc = {"greatest",
              {},
              "conditional",
              "greatest(a, b, …) → common type",
              "The largest argument. NULLs are passed over; NULL only where all are.",
              "greatest(3, 1, 2)",
              "3"},
      .bind = BindExtreme("greatest"),
      .evaluate = Extreme<true>});
}

}  // namespace millrace::functions
