// Lists with values added, taken away or in another order, and their extremes.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "millrace/data/order_key.h"
#include "millrace/functions/scalar/list_output_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
// Of values.
using Places = std::vector<int64_t>;

// Bytes that order the values of some lists, and that equal ones share.
class ValueKeys {
 public:
  static Result<ValueKeys> Make(const Lists& lists, int64_t rows) {
    ValueKeys out;
    out.values_ = lists.values();
    ARROW_ASSIGN_OR_RAISE(const data::PutOrderKey write,
                          data::OrderKeyWriter(*out.values_->type()));
    int64_t end = 0;
    out.first_ = out.values_->length();
    for (int64_t row = 0; row < rows; ++row) {
      if (lists.IsNull(row)) continue;
      out.first_ = std::min(out.first_, lists[row].begin);
      end = std::max(end, lists[row].begin + lists[row].length);
    }
    for (int64_t at = out.first_; at < end; ++at) {
      if (out.values_->IsValid(at)) write(*out.values_, at, out.bytes_);
      out.ends_.push_back(out.bytes_.size());
    }
    return out;
  }
  bool IsNull(int64_t place) const { return values_->IsNull(place); }
  // Of values that are not NULL.
  bool Less(int64_t a, int64_t b) const { return Key(a) < Key(b); }

 private:
  std::string_view Key(int64_t place) const {
    const auto index = static_cast<size_t>(place - first_);
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return {bytes_.data() + begin, ends_[index] - begin};
  }

  ArrayPtr values_;
  int64_t first_ = 0;
  std::vector<char> bytes_;
  std::vector<size_t> ends_;
};

// NULLs come last.
void SortPlaces(const ValueKeys& keys, Places* places) {
  const auto nulls = std::stable_partition(
      places->begin(), places->end(), [&](int64_t place) { return !keys.IsNull(place); });
  std::stable_sort(places->begin(), nulls,
                   [&](int64_t a, int64_t b) { return keys.Less(a, b); });
}

// The first of equal values, where it stood.
void KeepDistinct(const ValueKeys& keys, Places* places) {
  SortPlaces(keys, places);
  const auto same = [&](int64_t a, int64_t b) {
    if (keys.IsNull(a) || keys.IsNull(b)) return keys.IsNull(a) && keys.IsNull(b);
    return !keys.Less(a, b) && !keys.Less(b, a);
  };
  places->erase(std::unique(places->begin(), places->end(), same), places->end());
  std::sort(places->begin(), places->end());
}

using Arrange = void (*)(const ValueKeys& keys, Places* places);

Status AddArranged(FunctionRegistry& registry, expr::FunctionDoc doc, Arrange arrange) {
  const std::string name = doc.name;
  return registry.Add(ScalarFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() != 1 || !IsList(*types[0])) {
          return BadArguments(name, types, "it takes an array");
        }
        const TypePtr value = types[0]->field(0)->type();
        if (!data::OrderKeyWriter(*value).ok()) {
          return BadArguments(name, types, "its values have no order");
        }
        return Binding{types, arrow::list(value)};
      },
      .evaluate = [arrange](EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) -> Result<arrow::Datum> {
        const bool scalar = AllScalars(arguments);
        if (scalar) rows = 1;
        ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
        ARROW_ASSIGN_OR_RAISE(const ValueKeys keys, ValueKeys::Make(lists, rows));
        ListOutput out(context.pool, rows);
        ARROW_RETURN_NOT_OK(out.Begin());
        Places places;
        for (int64_t row = 0; row < rows; ++row) {
          const bool null = lists.IsNull(row);
          places.resize(null ? 0 : static_cast<size_t>(lists[row].length));
          if (!null) std::iota(places.begin(), places.end(), lists[row].begin);
          arrange(keys, &places);
          for (const int64_t place : places) ARROW_RETURN_NOT_OK(out.Append(place));
          ARROW_RETURN_NOT_OK(out.EndRow(!null));
        }
        return out.Finish(context, lists.values(), type, scalar);
      }});
}

Result<arrow::Datum> ReverseValues(EvalContext& context, const Arguments& arguments,
                                   int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
  ListOutput out(context.pool, rows);
  ARROW_RETURN_NOT_OK(out.Begin());
  for (int64_t row = 0; row < rows; ++row) {
    const bool null = lists.IsNull(row);
    const Extent extent = null ? Extent{0, 0} : lists[row];
    for (int64_t i = extent.length; i > 0; --i) {
      ARROW_RETURN_NOT_OK(out.Append(extent.begin + i - 1));
    }
    ARROW_RETURN_NOT_OK(out.EndRow(!null));
  }
  return out.Finish(context, lists.values(), type, scalar);
}

Status AddExtremeOf(FunctionRegistry& registry, expr::FunctionDoc doc, bool max) {
  const std::string name = doc.name;
  return registry.Add(ScalarFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() != 1 || !IsList(*types[0])) {
          return BadArguments(name, types, "it takes an array");
        }
        const TypePtr value = types[0]->field(0)->type();
        if (!data::OrderKeyWriter(*value).ok()) {
          return BadArguments(name, types, "its values have no order");
        }
        return Binding{types, value};
      },
      .evaluate = [max](EvalContext& context, const Arguments& arguments, int64_t rows,
                        const TypePtr& type) -> Result<arrow::Datum> {
        const bool scalar = AllScalars(arguments);
        if (scalar) rows = 1;
        ARROW_ASSIGN_OR_RAISE(const Lists lists, Lists::Make(arguments[0], context.pool));
        ARROW_ASSIGN_OR_RAISE(const ValueKeys keys, ValueKeys::Make(lists, rows));
        arrow::Int64Builder chosen(context.pool);
        ARROW_RETURN_NOT_OK(chosen.Reserve(rows));
        for (int64_t row = 0; row < rows; ++row) {
          const Extent extent = lists.IsNull(row) ? Extent{0, 0} : lists[row];
          int64_t best = -1;
          for (int64_t at = extent.begin; at < extent.begin + extent.length; ++at) {
            if (keys.IsNull(at)) continue;
            if (best < 0 || (max ? keys.Less(best, at) : keys.Less(at, best))) best = at;
          }
          if (best < 0) {
            chosen.UnsafeAppendNull();
          } else {
            chosen.UnsafeAppend(best);
          }
        }
        ARROW_ASSIGN_OR_RAISE(const ArrayPtr places, chosen.Finish());
        ARROW_ASSIGN_OR_RAISE(arrow::Datum out,
                              CallArrow(context, "take", {lists.values(), places}));
        return Retyped(out.make_array(), type, scalar);
      }});
}

// A value before or behind those of a list.
Status AddWithValue(FunctionRegistry& registry, expr::FunctionDoc doc, bool before) {
  const std::string name = doc.name;
  const size_t list_at = before ? 1 : 0;
  return registry.Add(ScalarFunction{
      .doc = std::move(doc),
      .bind = [name, list_at](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() != 2 || !IsList(*types[list_at])) {
          return BadArguments(name, types, "it takes an array and a value");
        }
        ARROW_ASSIGN_OR_RAISE(
            const TypePtr value,
            CommonOf(name, {types[list_at]->field(0)->type(), types[1 - list_at]}));
        Types bound(2, value);
        bound[list_at] = arrow::list(value);
        return Binding{bound, arrow::list(value)};
      },
      .evaluate = [list_at, before](EvalContext& context, const Arguments& arguments,
                                    int64_t rows,
                                    const TypePtr& type) -> Result<arrow::Datum> {
        const bool scalar = AllScalars(arguments);
        if (scalar) rows = 1;
        ARROW_ASSIGN_OR_RAISE(const Lists lists,
                              Lists::Make(arguments[list_at], context.pool));
        ARROW_ASSIGN_OR_RAISE(
            const ValuePool pool,
            ValuePool::Make({arrow::Datum(lists.values()), arguments[1 - list_at]},
                            type->field(0)->type(), context.pool));
        ListOutput out(context.pool, rows);
        ARROW_RETURN_NOT_OK(out.Begin());
        for (int64_t row = 0; row < rows; ++row) {
          const bool null = lists.IsNull(row);
          if (!null) {
            if (before) ARROW_RETURN_NOT_OK(out.Append(pool.At(1, row)));
            ARROW_RETURN_NOT_OK(out.AppendRun(lists[row], 0));
            if (!before) ARROW_RETURN_NOT_OK(out.Append(pool.At(1, row)));
          }
          ARROW_RETURN_NOT_OK(out.EndRow(!null));
        }
        return out.Finish(context, pool.values(), type, scalar);
      }});
}

}  // namespace

Status RegisterListChanges(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(AddWithValue(registry,
                                   {"array_append",
                                    {"list_append", "array_push_back"},
                                    "list",
                                    "array_append(array, value) → array",
                                    "The array with the value behind the others, NULL "
                                    "included; NULL for no array.",
                                    "array_append(array_value(1, 2), 3)",
                                    "[1, 2, 3]"},
                                   false));
  ARROW_RETURN_NOT_OK(AddWithValue(registry,
                                   {"array_prepend",
                                    {"list_prepend"},
                                    "list",
                                    "array_prepend(value, array) → array",
                                    "The array with the value before the others, NULL "
                                    "included; NULL for no array.",
                                    "array_prepend(0, array_value(1, 2))",
                                    "[0, 1, 2]"},
                                   true));
  ARROW_RETURN_NOT_OK(AddArranged(registry,
                                  {"array_sort",
                                   {"list_sort"},
                                   "list",
                                   "array_sort(array) → array",
                                   "The values in ascending order, NULLs last.",
                                   "array_sort(array_value(3, NULL, 1))",
                                   "[1, 3, NULL]"},
                                  SortPlaces));
  ARROW_RETURN_NOT_OK(
      AddArranged(registry,
                  {"array_distinct",
                   {"list_distinct"},
                   "list",
                   "array_distinct(array) → array",
                   "Every value once, where it first stands; NULLs are one value.",
                   "array_distinct(array_value(2, 1, 2, NULL, NULL))",
                   "[2, 1, NULL]"},
                  KeepDistinct));
  ARROW_RETURN_NOT_OK(AddExtremeOf(registry,
                                   {"array_max",
                                    {"list_max"},
                                    "list",
                                    "array_max(array) → type of the values",
                                    "The largest value; NULLs are passed over, NULL for "
                                    "none.",
                                    "array_max(array_value(1, 3, NULL))",
                                    "3"},
                                   true));
  ARROW_RETURN_NOT_OK(AddExtremeOf(registry,
                                   {"array_min",
                                    {"list_min"},
                                    "list",
                                    "array_min(array) → type of the values",
                                    "The smallest value; NULLs are passed over, NULL for "
                                    "none.",
                                    "array_min(array_value(1, 3, NULL))",
                                    "1"},
                                   false));
  return registry.Add(
      ScalarFunction{.doc = {"array_reverse",
                             {"list_reverse"},
                             "list",
                             "array_reverse(array) → array",
                             "The values from the last to the first.",
                             "array_reverse(array_value(1, 2))",
                             "[2, 1]"},
                     .bind = [](const Types& types, const Literals&) -> Result<Binding> {
                       if (types.size() != 1 || !IsList(*types[0])) {
                         return BadArguments("array_reverse", types, "it takes an array");
                       }
                       return Binding{types, arrow::list(types[0]->field(0)->type())};
                     },
                     .evaluate = ReverseValues});
}

}  // namespace millrace::functions
