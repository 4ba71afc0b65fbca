// Lists made of values and of other lists, and what is in them.
#include <algorithm>

#include "millrace/expr/cast.h"
#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/list_output_internal.h"
#include "millrace/functions/scalar/lists_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

// Lists of one type, values cast where that loses nothing.
Result<TypePtr> CommonList(const std::string& name, const Types& types) {
  Types values;
  for (const TypePtr& type : types) {
    if (type->id() != arrow::Type::NA && !IsList(*type)) {
      return BadArguments(name, types, "it takes arrays");
    }
    if (IsList(*type)) values.push_back(type->field(0)->type());
  }
  ARROW_ASSIGN_OR_RAISE(TypePtr common, CommonOf(name, values));
  return arrow::list(common);
}

Result<arrow::Datum> ArrayOfValues(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const ValuePool pool,
                        ValuePool::Make(arguments, type->field(0)->type(), context.pool));
  ListOutput out(context.pool, rows);
  ARROW_RETURN_NOT_OK(out.Begin());
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      ARROW_RETURN_NOT_OK(out.Append(pool.At(i, row)));
    }
    ARROW_RETURN_NOT_OK(out.EndRow(true));
  }
  return out.Finish(context, pool.values(), type, scalar);
}

Result<arrow::Datum> Concat(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  std::vector<Lists> lists;
  Arguments values;
  for (const arrow::Datum& argument : arguments) {
    ARROW_ASSIGN_OR_RAISE(Lists list, Lists::Make(argument, context.pool));
    values.emplace_back(list.values());
    lists.push_back(std::move(list));
  }
  ARROW_ASSIGN_OR_RAISE(const ValuePool pool,
                        ValuePool::Make(values, type->field(0)->type(), context.pool));
  ListOutput out(context.pool, rows);
  ARROW_RETURN_NOT_OK(out.Begin());
  for (int64_t row = 0; row < rows; ++row) {
    bool null = false;
    for (const Lists& list : lists) null |= list.IsNull(row);
    for (size_t i = 0; i < lists.size() && !null; ++i) {
      ARROW_RETURN_NOT_OK(out.AppendRun(lists[i][row], pool.At(i, 0)));
    }
    ARROW_RETURN_NOT_OK(out.EndRow(!null));
  }
  return out.Finish(context, pool.values(), type, scalar);
}

// Values [from, to] of a list, counted from 1, or from the end where negative.
Extent Part(Extent whole, int64_t from, int64_t to) {
  if (from < 0) from += whole.length + 1;
  if (to < 0) to += whole.length + 1;
  from = std::clamp<int64_t>(from, 1, whole.length + 1);
  to = std::clamp<int64_t>(to, 0, whole.length);
  return {whole.begin + from - 1, std::max<int64_t>(to - from + 1, 0)};
}

Result<arrow::Datum> Slice(EvalContext& context, const Arguments& arguments, int64_t rows,
                           const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto from, Column<int64_t>::Make(arguments[1], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto to, Column<int64_t>::Make(arguments[2], context.pool));
  ListOutput out(context.pool, rows);
  ARROW_RETURN_NOT_OK(out.Begin());
  for (int64_t row = 0; row < rows; ++row) {
    const bool null = lists.IsNull(row) || from.IsNull(row) || to.IsNull(row);
    if (!null) {
      ARROW_RETURN_NOT_OK(out.AppendRun(Part(lists[row], from[row], to[row]), 0));
    }
    ARROW_RETURN_NOT_OK(out.EndRow(!null));
  }
  return out.Finish(context, lists.values(), type, scalar);
}

Result<arrow::Datum> JoinValues(EvalContext& context, const Arguments& arguments,
                                int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto separators,
                        Column<std::string_view>::Make(arguments[1], context.pool));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum texts, expr::CastDatum(lists.values(), arrow::utf8(),
                                                            false, "array", context));
  ARROW_ASSIGN_OR_RAISE(auto values, Column<std::string_view>::Make(texts, context.pool));
  arrow::StringBuilder out(context.pool);
  ARROW_RETURN_NOT_OK(out.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    if (lists.IsNull(row) || separators.IsNull(row)) {
      out.UnsafeAppendNull();
      continue;
    }
    ARROW_RETURN_NOT_OK(out.Append(std::string_view()));
    bool any = false;
    const Extent extent = lists[row];
    for (int64_t at = extent.begin; at < extent.begin + extent.length; ++at) {
      if (values.IsNull(at)) continue;
      if (any) ARROW_RETURN_NOT_OK(out.ExtendCurrent(separators[row]));
      ARROW_RETURN_NOT_OK(out.ExtendCurrent(values[at]));
      any = true;
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto array, out.Finish());
  return Retyped(std::move(array), type, scalar);
}

// An array and a value that its values can be compared with.
Bind BindSearch(std::string name, const expr::ScalarFunction* equal, TypePtr result) {
  return [=](const Types& types, const Literals& literals) -> Result<Binding> {
    if (types.size() != 2 || !IsList(*types[0])) {
      return BadArguments(name, types, "it takes an array and a value");
    }
    const TypePtr values = types[0]->field(0)->type();
    ARROW_ASSIGN_OR_RAISE(TypePtr common, CommonOf(name, {values, types[1]}));
    auto compared = equal->bind({common, common}, {nullptr, nullptr});
    if (!compared.ok()) return BadArguments(name, types, "it can't be compared");
    common = compared->argument_types[0];
    return Binding{{values->Equals(*common) ? types[0] : arrow::list(common), common},
                   result};
  };
}

// Where the value stands in its list, from 1; NULL where it does not.
Result<arrow::Datum> Find(EvalContext& context, const expr::ScalarFunction& equal,
                          const Arguments& arguments, int64_t rows, const TypePtr& type,
                          bool position) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(
      auto found, FirstEqual(context, equal, lists, lists.values(), arguments[1], rows));
  std::shared_ptr<arrow::Array> out;
  if (position) {
    arrow::Int64Builder builder(context.pool);
    ARROW_RETURN_NOT_OK(builder.Reserve(rows));
    for (int64_t row = 0; row < rows; ++row) {
      if (found->IsNull(row)) {
        builder.UnsafeAppendNull();
      } else {
        builder.UnsafeAppend(found->Value(row) - lists[row].begin + 1);
      }
    }
    ARROW_ASSIGN_OR_RAISE(out, builder.Finish());
    return Retyped(std::move(out), type, scalar);
  }
  arrow::BooleanBuilder builder(context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  const bool one = arguments[1].is_scalar();
  const auto sought = one ? nullptr : arguments[1].make_array();
  for (int64_t row = 0; row < rows; ++row) {
    const bool sought_null = one ? !arguments[1].scalar()->is_valid : sought->IsNull(row);
    if (lists.IsNull(row) || sought_null) {
      builder.UnsafeAppendNull();
    } else {
      builder.UnsafeAppend(found->IsValid(row));
    }
  }
  ARROW_ASSIGN_OR_RAISE(out, builder.Finish());
  return Retyped(std::move(out), type, scalar);
}

Status RegisterSearch(FunctionRegistry& registry) {
  const expr::ScalarFunction* equal = registry.FindScalar("=");
  auto finder = [equal](bool position) {
    return [equal, position](EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
      return Find(context, *equal, arguments, rows, type, position);
    };
  };
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"array_contains",
                             {"list_contains", "array_has", "list_has"},
                             "list",
                             "array_contains(array, value) → boolean",
                             "Is the value in the array? NULLs in it are passed over.",
                             "array_contains(array_value(1, 2), 2)",
                             "true"},
                     .bind = BindSearch("array_contains", equal, arrow::boolean()),
                     .evaluate = finder(false)}));
  return registry.Add(ScalarFunction{
      .doc =
          {"array_position",
           {"list_position", "array_indexof", "list_indexof"},
           "list",
           "array_position(array, value) → bigint",
           "Where the value first stands in the array, from 1; NULL where it does not.",
           "array_position(array_value(5, 7, 7), 7)",
           "2"},
      .bind = BindSearch("array_position", equal, arrow::int64()),
      .evaluate = finder(true)});
}

}  // namespace

Status RegisterListValues(FunctionRegistry& registry) {
  const auto integer = arrow::int64();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"array_value",
              {"array", "list_value"},
              "list",
              "ARRAY[a, b, …], [a, b, …], array_value(a, b, …) → array",
              "An array of the values, in their common type; NULLs are kept.",
              "array_value(1, NULL, 2.5)",
              "[1.0, NULL, 2.5]"},
      .bind = [](const Types& types, const Literals&) -> Result<Binding> {
        ARROW_ASSIGN_OR_RAISE(TypePtr common, CommonOf("array_value", types));
        return Binding{Types(types.size(), common), arrow::list(common)};
      },
      .evaluate = ArrayOfValues}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"array_concat",
              {"list_concat", "array_cat", "list_cat"},
              "list",
              "array_concat(a, b, …) → array",
              "The values of all arrays one after the other.",
              "array_concat(array_value(1), array_value(2, 3))",
              "[1, 2, 3]"},
      .bind = [](const Types& types, const Literals&) -> Result<Binding> {
        if (types.empty())
          return BadArguments("array_concat", types, "too few arguments");
        ARROW_ASSIGN_OR_RAISE(TypePtr common, CommonList("array_concat", types));
        return Binding{Types(types.size(), common), common};
      },
      .evaluate = Concat}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"array_slice",
              {"list_slice"},
              "list",
              "array_slice(array, from, to) → array",
              "Values number `from` to `to`, both included, counted from 1, or from the "
              "end where negative.",
              "array_slice(array_value(1, 2, 3, 4), 2, -2)",
              "[2, 3]"},
      .bind = [integer](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 3 || !IsList(*types[0]) ||
            !FitsImplicitly(types[1], literals[1], integer) ||
            !FitsImplicitly(types[2], literals[2], integer)) {
          return BadArguments("array_slice", types, "it takes an array and two numbers");
        }
        return Binding{{types[0], integer, integer},
                       arrow::list(types[0]->field(0)->type())};
      },
      .evaluate = Slice}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"array_join",
              {"array_to_string", "list_to_string"},
              "list",
              "array_join(array, separator) → varchar",
              "The values as CAST writes them with the separator between; NULLs are left "
              "out.",
              "array_join(array_value(1, NULL, 3), '-')",
              "1-3"},
      .can_fail = true,
      .bind = [](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 2 || !IsList(*types[0]) ||
            !FitsImplicitly(types[1], nullptr, arrow::utf8())) {
          return BadArguments("array_join", types, "it takes an array and a text");
        }
        return Binding{{types[0], arrow::utf8()}, arrow::utf8()};
      },
      .evaluate = JoinValues}));
  return RegisterSearch(registry);
}

}  // namespace millrace::functions
