// JSON_VALUE, JSON_QUERY, JSON_EXTRACT and the rest: JSON in columns of text.
#include <arrow/compute/api.h>

#include "millrace/functions/scalar/json_reader_internal.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

// Both arguments as texts: one of the whole value where no path is given, $[n] for a
// number.
Result<Arguments> JsonAndPath(EvalContext& context, const Arguments& arguments,
                              int64_t rows) {
  if (arguments.size() == 1) {
    return Arguments{arguments[0], arrow::Datum(arrow::MakeScalar(std::string("$")))};
  }
  if (arguments[1].type()->id() == arrow::Type::STRING) return arguments;
  std::string scratch;
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum paths,
      MapRowsToText<int64_t>(context, {arguments[1]}, rows,
                             [&scratch](int64_t index, TextOutput& out) {
                               scratch = "$[" + std::to_string(index) + "]";
                               return out.Append(scratch);
                             }));
  return Arguments{arguments[0], std::move(paths)};
}

Result<arrow::Datum> TextOf(EvalContext& context, const Arguments& arguments,
                            int64_t rows, JsonForm form) {
  ARROW_ASSIGN_OR_RAISE(const Arguments both, JsonAndPath(context, arguments, rows));
  JsonReader reader;
  std::string scratch;
  return MapRowsToText<Text, Text>(
      context, both, rows, [&](Text json, Text path, TextOutput& out) -> Status {
        ARROW_RETURN_NOT_OK(reader.SetPath(path));
        return reader.Text(json, form, &scratch) ? out.Append(scratch) : out.AppendNull();
      });
}

Result<arrow::Datum> Exists(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type) {
  JsonReader reader;
  return MapRows<bool, Text, Text>(context, arguments, rows, type,
                                   [&](Text json, Text path, bool* out) -> Status {
                                     ARROW_RETURN_NOT_OK(reader.SetPath(path));
                                     *out = reader.Exists(json);
                                     return Status::OK();
                                   });
}

Result<arrow::Datum> TypeOf(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr&) {
  ARROW_ASSIGN_OR_RAISE(const Arguments both, JsonAndPath(context, arguments, rows));
  JsonReader reader;
  return MapRowsToText<Text, Text>(
      context, both, rows, [&](Text json, Text path, TextOutput& out) -> Status {
        ARROW_RETURN_NOT_OK(reader.SetPath(path));
        Text name;
        return reader.TypeName(json, &name) ? out.Append(name) : out.AppendNull();
      });
}

// Two NULLs of different meaning, a path's error and a missing array, need a builder.
Result<arrow::Datum> ArrayLength(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr& type) {
  ARROW_ASSIGN_OR_RAISE(const Arguments both, JsonAndPath(context, arguments, rows));
  JsonReader reader;
  Status path_status;
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum lengths,
      (MapRows<int64_t, Text, Text>(
          context, both, rows, type, [&](Text json, Text path, int64_t* out) {
            if (path_status.ok()) {
              path_status = reader.SetPath(path);
            }
            return path_status.ok() && reader.ArrayLength(json, out);
          })));
  ARROW_RETURN_NOT_OK(path_status);
  return lengths;
}

Result<arrow::Datum> Keys(EvalContext& context, const Arguments& arguments, int64_t rows,
                          const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(const Arguments both, JsonAndPath(context, arguments, rows));
  ARROW_ASSIGN_OR_RAISE(auto texts, Column<Text>::Make(both[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto paths, Column<Text>::Make(both[1], context.pool));
  JsonReader reader;
  auto keys = std::make_shared<arrow::StringBuilder>(context.pool);
  arrow::ListBuilder lists(context.pool, keys, type);
  for (int64_t row = 0; row < rows; ++row) {
    if (texts.IsNull(row) || paths.IsNull(row)) {
      ARROW_RETURN_NOT_OK(lists.AppendNull());
      continue;
    }
    ARROW_RETURN_NOT_OK(reader.SetPath(paths[row]));
    if (!reader.ReadKeys(texts[row])) {
      ARROW_RETURN_NOT_OK(lists.AppendNull());
      continue;
    }
    ARROW_RETURN_NOT_OK(lists.Append());
    for (const std::string& key : reader.keys()) ARROW_RETURN_NOT_OK(keys->Append(key));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, lists.Finish());
  return Retyped(std::move(array), type, scalar);
}

Result<arrow::Datum> Valid(EvalContext& context, const Arguments& arguments, int64_t rows,
                           const TypePtr& type) {
  JsonReader reader;
  return MapRows<bool, Text>(context, arguments, rows, type,
                             [&](Text json, bool* out) { *out = reader.Valid(json); });
}

struct Getter {
  expr::FunctionDoc doc;
  JsonForm form;
};

std::vector<Getter> Getters() {
  return {
      {{"json_value",
        {},
        "json",
        "json_value(json, path) → varchar",
        "The string, number or boolean at the path, strings without quotes. NULL where "
        "there is none, or null, an object or an array.",
        "json_value('{\"a\": [{\"b c\": \"x\"}]}', '$.a[0].\"b c\"')",
        "x"},
       JsonForm::kScalar},
      {{"json_query",
        {},
        "json",
        "json_query(json, path) → varchar",
        "The object or array at the path, as JSON without blanks. NULL where there is "
        "none.",
        "json_query('{\"a\": [1, 2]}', '$.a')",
        "[1,2]"},
       JsonForm::kNested},
      {{"json_extract",
        {"->", "get_json_object"},
        "json",
        "json -> path, json_extract(json, path) → varchar",
        "The value at the path as JSON without blanks. A text without $ is the name of a "
        "field, a number an index from 0.",
        "json_extract('{\"a\": [1, \"x\"]}', '$.a[-1]')",
        "\"x\""},
       JsonForm::kAny},
      {{"json_extract_string",
        {"->>"},
        "json",
        "json ->> path, json_extract_string(json, path) → varchar",
        "As json_extract, but a string without quotes, and NULL for null.",
        "json_extract_string('{\"a\": \"x\"}', 'a')",
        "x"},
       JsonForm::kUnquoted}};
}

}  // namespace

Status RegisterJson(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  auto with_path = [&](const char* name, const TypePtr& result) {
    return Overloads(name, {{{text}, result}, {{text, text}, result}});
  };
  for (Getter& getter : Getters()) {
    const std::string name = getter.doc.name;
    std::vector<Signature> forms{{{text, text}, text}, {{text, integer}, text}};
    ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
        .doc = std::move(getter.doc),
        .can_fail = true,
        .bind = Overloads(name, std::move(forms)),
        .evaluate = [form = getter.form](EvalContext& context, const Arguments& arguments,
                                         int64_t rows, const TypePtr&) {
          return TextOf(context, arguments, rows, form);
        }}));
  }
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"json_exists",
                             {},
                             "json",
                             "json_exists(json, path) → boolean",
                             "Is there a value at the path, null included?",
                             "json_exists('{\"a\": null}', '$.a')",
                             "true"},
                     .can_fail = true,
                     .bind = Overloads("json_exists", {{{text, text}, arrow::boolean()}}),
                     .evaluate = Exists}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"json_type",
                             {"json_typeof"},
                             "json",
                             "json_type(json [, path]) → varchar",
                             "object, array, string, number, boolean or null.",
                             "json_type('{\"a\": 1.5}', '$.a')",
                             "number"},
                     .can_fail = true,
                     .bind = with_path("json_type", text),
                     .evaluate = TypeOf}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"json_array_length",
                             {},
                             "json",
                             "json_array_length(json [, path]) → bigint",
                             "Number of values of an array; NULL for anything else.",
                             "json_array_length('[1, [2, 3]]')",
                             "2"},
                     .can_fail = true,
                     .bind = with_path("json_array_length", integer),
                     .evaluate = ArrayLength}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"json_keys",
                             {"json_object_keys"},
                             "json",
                             "json_keys(json [, path]) → varchar[]",
                             "Names of the fields of an object, in their order; NULL for "
                             "anything else.",
                             "json_keys('{\"b\": 1, \"a\": 2}')",
                             "[b, a]"},
                     .can_fail = true,
                     .bind = with_path("json_keys", arrow::list(text)),
                     .evaluate = Keys}));
  return registry.Add(
      ScalarFunction{.doc = {"json_valid",
                             {},
                             "json",
                             "json_valid(text) → boolean",
                             "Is the text one JSON value? All of it is read.",
                             "json_valid('{\"a\": tru}')",
                             "false"},
                     .bind = Overloads("json_valid", {{{text}, arrow::boolean()}}),
                     .evaluate = Valid});
}

}  // namespace millrace::functions
