// Values of lists: array[i], ARRAY_LENGTH.
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using arrow::Type;

bool IsList(const arrow::DataType& type) {
  return type.id() == Type::LIST || type.id() == Type::LARGE_LIST ||
         type.id() == Type::FIXED_SIZE_LIST;
}

struct Extent {
  int64_t begin, length;
};

// Where the values of each list lie, whatever its layout.
class Lists {
 public:
  static Result<Lists> Make(const arrow::Datum& datum, arrow::MemoryPool* pool) {
    Lists out;
    if (datum.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(out.array_,
                            arrow::MakeArrayFromScalar(*datum.scalar(), 1, pool));
      out.step_ = 0;
    } else {
      out.array_ = datum.make_array();
    }
    return out;
  }
  bool IsNull(int64_t row) const { return array_->IsNull(row * step_); }
  Extent operator[](int64_t row) const {
    row *= step_;
    switch (array_->type_id()) {
      case Type::LIST: {
        const auto& lists = static_cast<const arrow::ListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
      case Type::LARGE_LIST: {
        const auto& lists = static_cast<const arrow::LargeListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
      default: {
        const auto& lists = static_cast<const arrow::FixedSizeListArray&>(*array_);
        return {lists.value_offset(row), lists.value_length(row)};
      }
    }
  }
  std::shared_ptr<arrow::Array> values() const {
    switch (array_->type_id()) {
      case Type::LIST: return static_cast<const arrow::ListArray&>(*array_).values();
      case Type::LARGE_LIST:
        return static_cast<const arrow::LargeListArray&>(*array_).values();
      default: return static_cast<const arrow::FixedSizeListArray&>(*array_).values();
    }
  }

 private:
  std::shared_ptr<arrow::Array> array_;
  int64_t step_ = 1;
};

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
  return registry.Add(
      ScalarFunction{.doc = {"array_length",
                             {"cardinality", "list_length"},
                             "list",
                             "array_length(array) → bigint",
                             "Number of values, NULLs included.",
                             "array_length(split('a,b', ','))",
                             "2"},
                     .bind = [](const Types& types, const Literals&) -> Result<Binding> {
                       if (types.size() != 1 || !IsList(*types[0])) {
                         return BadArguments("array_length", types, "it takes an array");
                       }
                       return Binding{types, arrow::int64()};
                     },
                     .evaluate = Length});
}

}  // namespace millrace::functions
