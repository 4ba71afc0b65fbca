// Maps: MAP {k: v}, m[k].
#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/lists_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// Keys are told apart as = does it, which hashing does not for intervals and floats.
bool CanBeKey(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::STRING:
    case arrow::Type::DATE32:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::TIME64:
    case arrow::Type::DECIMAL128: return true;
    default: return arrow::is_integer(type.id());
  }
}

// No key is NULL or stands twice in one map.
Status CheckKeys(EvalContext& context, const ArrayPtr& keys, const int32_t* offsets,
                 int64_t rows) {
  if (keys->null_count() > 0) {
    return errors::kOutOfDomain.Make({}, "a key of a map is NULL");
  }
  ARROW_ASSIGN_OR_RAISE(arrow::Datum encoded,
                        CallArrow(context, "dictionary_encode", {keys}));
  const auto dictionary = encoded.array_as<arrow::DictionaryArray>();
  std::vector<int64_t> last_row(dictionary->dictionary()->length(), -1);
  for (int64_t row = 0; row < rows; ++row) {
    for (int32_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      int64_t& seen = last_row[dictionary->GetValueIndex(i)];
      if (seen == row) {
        ARROW_ASSIGN_OR_RAISE(auto key, keys->GetScalar(i));
        return errors::kOutOfDomain.Make({}, "the key {} stands twice in a map",
                                         key->ToString());
      }
      seen = row;
    }
  }
  return Status::OK();
}

// Keys and values of all rows, one map after the other.
struct Entries {
  ArrayPtr keys, values;
  std::shared_ptr<arrow::Buffer> offsets, validity;
  int64_t nulls = 0;
};

Result<arrow::Datum> MakeMaps(EvalContext& context, Entries entries, int64_t rows,
                              const TypePtr& type, bool scalar) {
  ARROW_RETURN_NOT_OK(CheckKeys(context, entries.keys,
                                reinterpret_cast<const int32_t*>(entries.offsets->data()),
                                rows));
  const int64_t size = entries.keys->length();
  const auto pairs = std::make_shared<arrow::StructArray>(
      type->field(0)->type(), size, arrow::ArrayVector{entries.keys, entries.values});
  return Retyped(MakeLists(type, rows, std::move(entries.offsets), pairs,
                           std::move(entries.validity), entries.nulls),
                 type, scalar);
}

Result<ArrayPtr> Taken(EvalContext& context, const ArrayPtr& values,
                       const ArrayPtr& places) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum out, CallArrow(context, "take", {values, places}));
  return out.make_array();
}

// Keys and values by turns.
Result<arrow::Datum> MapOf(EvalContext& context, const Arguments& arguments, int64_t rows,
                           const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  const auto& map = static_cast<const arrow::MapType&>(*type);
  Arguments keys, values;
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    keys.push_back(arguments[i]);
    values.push_back(arguments[i + 1]);
  }
  ARROW_ASSIGN_OR_RAISE(const ValuePool key_pool,
                        ValuePool::Make(keys, map.key_type(), context.pool));
  ARROW_ASSIGN_OR_RAISE(const ValuePool value_pool,
                        ValuePool::Make(values, map.item_type(), context.pool));
  arrow::Int64Builder key_places(context.pool), value_places(context.pool);
  arrow::TypedBufferBuilder<int32_t> offsets(context.pool);
  ARROW_RETURN_NOT_OK(offsets.Reserve(rows + 1));
  offsets.UnsafeAppend(0);
  const auto entries = static_cast<int64_t>(keys.size());
  ARROW_RETURN_NOT_OK(key_places.Reserve(rows * entries));
  ARROW_RETURN_NOT_OK(value_places.Reserve(rows * entries));
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < keys.size(); ++i) {
      key_places.UnsafeAppend(key_pool.At(i, row));
      value_places.UnsafeAppend(value_pool.At(i, row));
    }
    ARROW_ASSIGN_OR_RAISE(const int32_t offset, ListOffset(key_places.length()));
    offsets.UnsafeAppend(offset);
  }
  Entries out;
  ARROW_ASSIGN_OR_RAISE(auto key_at, key_places.Finish());
  ARROW_ASSIGN_OR_RAISE(auto value_at, value_places.Finish());
  ARROW_ASSIGN_OR_RAISE(out.keys, Taken(context, key_pool.values(), key_at));
  ARROW_ASSIGN_OR_RAISE(out.values, Taken(context, value_pool.values(), value_at));
  ARROW_ASSIGN_OR_RAISE(out.offsets, offsets.Finish());
  return MakeMaps(context, std::move(out), rows, type, scalar);
}

Result<arrow::Datum> MapOfArrays(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists keys, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(const Lists values, Lists::Make(arguments[1], context.pool));
  arrow::Int64Builder key_places(context.pool), value_places(context.pool);
  arrow::TypedBufferBuilder<int32_t> offsets(context.pool);
  arrow::TypedBufferBuilder<bool> validity(context.pool);
  ARROW_RETURN_NOT_OK(offsets.Append(0));
  for (int64_t row = 0; row < rows; ++row) {
    const bool null = keys.IsNull(row) || values.IsNull(row);
    const Extent of_keys = null ? Extent{0, 0} : keys[row];
    const Extent of_values = null ? Extent{0, 0} : values[row];
    if (of_keys.length != of_values.length) {
      return errors::kOutOfDomain.Make({}, "{} keys and {} values make no map",
                                       of_keys.length, of_values.length);
    }
    for (int64_t i = 0; i < of_keys.length; ++i) {
      ARROW_RETURN_NOT_OK(key_places.Append(of_keys.begin + i));
      ARROW_RETURN_NOT_OK(value_places.Append(of_values.begin + i));
    }
    ARROW_RETURN_NOT_OK(validity.Append(!null));
    ARROW_ASSIGN_OR_RAISE(const int32_t offset, ListOffset(key_places.length()));
    ARROW_RETURN_NOT_OK(offsets.Append(offset));
  }
  Entries out;
  out.nulls = validity.false_count();
  ARROW_ASSIGN_OR_RAISE(auto key_at, key_places.Finish());
  ARROW_ASSIGN_OR_RAISE(auto value_at, value_places.Finish());
  ARROW_ASSIGN_OR_RAISE(out.keys, Taken(context, keys.values(), key_at));
  ARROW_ASSIGN_OR_RAISE(out.values, Taken(context, values.values(), value_at));
  ARROW_ASSIGN_OR_RAISE(out.offsets, offsets.Finish());
  ARROW_ASSIGN_OR_RAISE(out.validity, validity.Finish());
  return MakeMaps(context, std::move(out), rows, type, scalar);
}

ArrayPtr ColumnOfEntries(const Lists& maps, int index) {
  return static_cast<const arrow::StructArray&>(*maps.values()).field(index);
}

Result<arrow::Datum> ValueOf(EvalContext& context, const expr::ScalarFunction& equal,
                             const Arguments& arguments, int64_t rows,
                             const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Lists maps, Lists::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(
      auto found,
      FirstEqual(context, equal, maps, ColumnOfEntries(maps, 0), arguments[1], rows));
  ARROW_ASSIGN_OR_RAISE(auto out, Taken(context, ColumnOfEntries(maps, 1), found));
  return Retyped(std::move(out), type, scalar);
}

// All keys, or all values, as arrays.
auto SideOf(int index) {
  return [index](EvalContext& context, const Arguments& arguments, int64_t rows,
                 const TypePtr& type) -> Result<arrow::Datum> {
    const bool scalar = AllScalars(arguments);
    ArrayPtr maps;
    if (scalar) {
      ARROW_ASSIGN_OR_RAISE(
          maps, arrow::MakeArrayFromScalar(*arguments[0].scalar(), 1, context.pool));
    } else {
      maps = arguments[0].make_array();
    }
    // The offsets of the maps are those of the arrays.
    auto data = maps->data()->Copy();
    data->type = type;
    const auto entries = static_cast<const arrow::MapArray&>(*maps).values();
    data->child_data = {
        static_cast<const arrow::StructArray&>(*entries).field(index)->data()};
    return Retyped(arrow::MakeArray(std::move(data)), type, scalar);
  };
}

bool IsEntries(const arrow::DataType& type) {
  if (type.id() != arrow::Type::LIST) return false;
  const arrow::DataType& entry = *type.field(0)->type();
  return entry.id() == arrow::Type::STRUCT && entry.num_fields() == 2;
}

// An array of the keys, or of the values, of arrays of entries: their offsets are the
// same.
Result<arrow::Datum> SideOfEntries(EvalContext& context, const arrow::Datum& entries,
                                   int index) {
  ArrayPtr lists;
  if (entries.is_scalar()) {
    ARROW_ASSIGN_OR_RAISE(lists,
                          arrow::MakeArrayFromScalar(*entries.scalar(), 1, context.pool));
  } else {
    lists = entries.make_array();
  }
  const auto& pairs = static_cast<const arrow::StructArray&>(
      *static_cast<const arrow::ListArray&>(*lists).values());
  ARROW_ASSIGN_OR_RAISE(const ArrayPtr side,
                        pairs.GetFlattenedField(index, context.pool));
  auto data = lists->data()->Copy();
  data->type = arrow::list(side->type());
  data->child_data = {side->data()};
  const ArrayPtr out = arrow::MakeArray(std::move(data));
  if (entries.is_array()) return arrow::Datum(out);
  ARROW_ASSIGN_OR_RAISE(auto scalar, out->GetScalar(0));
  return arrow::Datum(std::move(scalar));
}

Result<arrow::Datum> MapOfEntries(EvalContext& context, const Arguments& arguments,
                                  int64_t rows, const TypePtr& type) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum keys, SideOfEntries(context, arguments[0], 0));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum values, SideOfEntries(context, arguments[0], 1));
  return MapOfArrays(context, {std::move(keys), std::move(values)}, rows, type);
}

Result<Binding> BindMap(const std::string& name, const Types& types, const TypePtr& key,
                        const TypePtr& value, Types arguments) {
  if (!CanBeKey(*key)) {
    return BadArguments(name, types, "keys are texts, integers, decimals, times");
  }
  return Binding{std::move(arguments), arrow::map(key, value)};
}

Result<Binding> BindMapOf(const Types& types, const Literals&) {
  Types keys, values;
  for (size_t i = 0; i < types.size(); ++i)
    (i % 2 == 0 ? keys : values).push_back(types[i]);
  if (keys.empty() || keys.size() != values.size()) {
    return BadArguments("map_value", types, "it takes keys and values by turns");
  }
  ARROW_ASSIGN_OR_RAISE(const TypePtr key, CommonOf("map_value", keys));
  ARROW_ASSIGN_OR_RAISE(const TypePtr value, CommonOf("map_value", values));
  Types arguments;
  for (size_t i = 0; i < types.size(); ++i) arguments.push_back(i % 2 == 0 ? key : value);
  return BindMap("map_value", types, key, value, std::move(arguments));
}

Result<Binding> BindMapOfArrays(const Types& types, const Literals&) {
  if (types.size() != 2 || !IsList(*types[0]) || !IsList(*types[1])) {
    return BadArguments("map_from_arrays", types, "it takes two arrays");
  }
  return BindMap("map_from_arrays", types, types[0]->field(0)->type(),
                 types[1]->field(0)->type(), types);
}

}  // namespace

Status RegisterMaps(FunctionRegistry& registry) {
  const expr::ScalarFunction* equal = registry.FindScalar("=");
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"map_value",
              {},
              "map",
              "MAP {k: v, …}, map_value(k, v, …) → map",
              "A map of keys to values, each of one common type. A key that is NULL or "
              "stands twice is an error.",
              "map_value('a', 1, 'b', 2)",
              "{a=1, b=2}"},
      .can_fail = true,
      .bind = BindMapOf,
      .evaluate = MapOf}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"map_from_arrays",
                             {"map"},
                             "map",
                             "map_from_arrays(keys, values), MAP(keys, values) → map",
                             "A map of an array of keys and one of as many values.",
                             "map_from_arrays(split('a,b', ','), array_value(1, 2))",
                             "{a=1, b=2}"},
                     .can_fail = true,
                     .bind = BindMapOfArrays,
                     .evaluate = MapOfArrays}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"map_extract",
              {},
              "map",
              "map[key], map_extract(map, key) → type of the values",
              "The value of a key; NULL where there is none.",
              "map_extract(map_value('a', 1, 'b', 2), 'b')",
              "2"},
      .bind = [equal](const Types& types, const Literals& literals) -> Result<Binding> {
        if (types.size() != 2 || !IsMap(*types[0])) {
          return BadArguments("map_extract", types, "it takes a map and a key");
        }
        const auto& map = static_cast<const arrow::MapType&>(*types[0]);
        const TypePtr& key = map.key_type();
        if (!FitsImplicitly(types[1], literals[1], key) ||
            !equal->bind({key, key}, {nullptr, nullptr}).ok()) {
          return BadArguments("map_extract", types, "the key is of another type");
        }
        return Binding{{types[0], key}, map.item_type()};
      },
      .evaluate =
          [equal](EvalContext& context, const Arguments& arguments, int64_t rows,
                  const TypePtr& type) {
            return ValueOf(context, *equal, arguments, rows, type);
          }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"map_from_entries",
              {},
              "map",
              "map_from_entries(array) → map",
              "A map of an array of structs or rows, each a key and a value.",
              "map_from_entries(array_value(row('a', 1), row('b', 2)))",
              "{a=1, b=2}"},
      .can_fail = true,
      .bind = [](const Types& types, const Literals&) -> Result<Binding> {
        if (types.size() != 1 || !IsEntries(*types[0])) {
          return BadArguments("map_from_entries", types,
                              "it takes an array of rows of two");
        }
        const arrow::DataType& entry = *types[0]->field(0)->type();
        return BindMap("map_from_entries", types, entry.field(0)->type(),
                       entry.field(1)->type(), types);
      },
      .evaluate = MapOfEntries}));
  struct Side {
    const char *name, *what, *example, *result;
  };
  static constexpr Side kSides[] = {
      {"map_keys", "The keys of a map.", "map_keys(map_value('a', 1, 'b', 2))", "[a, b]"},
      {"map_values", "The values of a map, in the order of its keys.",
       "map_values(map_value('a', 1, 'b', 2))", "[1, 2]"}};
  for (int index : {0, 1}) {
    const Side& side = kSides[index];
    const std::string name = side.name;
    ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
        .doc = {name,
                {},
                "map",
                name + "(map) → array",
                side.what,
                side.example,
                side.result},
        .bind = [name, index](const Types& types, const Literals&) -> Result<Binding> {
          if (types.size() != 1 || !IsMap(*types[0])) {
            return BadArguments(name, types, "it takes a map");
          }
          const auto& map = static_cast<const arrow::MapType&>(*types[0]);
          return Binding{types,
                         arrow::list(index == 0 ? map.key_type() : map.item_type())};
        },
        .evaluate = SideOf(index)}));
  }
  return Status::OK();
}

}  // namespace millrace::functions
