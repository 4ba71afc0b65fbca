// Values of lists: array[i], ARRAY_LENGTH.
#include "millrace/functions/scalar/lists_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

Result<arrow::Datum> Element(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto indices, Column<int64_t>::Make(arguments[1], context.pool));
  arrow::Int64Builder places(context.pool);
  ARROW_RETURN_NOT_OK(places.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    if (lists.IsNull(row) || indices.IsNull(row)) {
      places.UnsafeAppendNull();
      continue;
    }
    const Extent extent = lists[row];
    const int64_t index = indices[row];
    const int64_t at = index < 0 ? extent.length + index : index - 1;
    if (index == 0 || at < 0 || at >= extent.length) {
      places.UnsafeAppendNull();
    } else {
      places.UnsafeAppend(extent.begin + at);
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto at, places.Finish());
  ARROW_ASSIGN_OR_RAISE(arrow::Datum taken,
                        CallArrow(context, "take", {lists.values(), at}));
  return Retyped(taken.make_array(), type, scalar);
}

Result<arrow::Datum> Length(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  arrow::Int64Builder lengths(context.pool);
  ARROW_RETURN_NOT_OK(lengths.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    if (lists.IsNull(row)) {
      lengths.UnsafeAppendNull();
    } else {
      lengths.UnsafeAppend(lists[row].length);
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto array, lengths.Finish());
  return Retyped(std::move(array), type, scalar);
}

}  // namespace

Status RegisterLists(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"array_extract",
           {"list_extract", "element_at"},
           "list",
           "array[index], array_extract(array, index) → type of the values",
           "Value number `index`, counted from 1, or from the end where negative; NULL "
           "where there is none.",
           "array_extract(split('a,b', ','), 2)",
           "b"},
      .bind = [](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 2 || !IsList(*types[0]) ||
            !FitsImplicitly(types[1], literals[1], arrow::int64())) {
          return BadArguments("array_extract", types, "it takes an array and a number");
        }
        return Binding{{types[0], arrow::int64()}, types[0]->field(0)->type()};
      },
      .evaluate = Element}));
  return registry.Add(ScalarFunction{
      .doc = {"array_length",
              {"cardinality", "list_length", "array_size", "map_size"},
              "list",
              "array_length(array or map) → bigint",
              "Number of values, NULLs included, or of entries.",
              "array_length(split('a,b', ','))",
              "2"},
      .bind = [](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() != 1 || !(IsList(*types[0]) || IsMap(*types[0]))) {
          return BadArguments("array_length", types, "it takes an array");
        }
        return Binding{types, arrow::int64()};
      },
      .evaluate = Length});
}

}  // namespace millrace::functions
