// Structs: {'name': value}, s.field.
#include <optional>

#include <arrow/array/array_nested.h>

#include "millrace/data/dictionary.h"
#include "millrace/functions/scalar/register_internal.h"

namespace millrace::functions {

namespace {

bool SameName(const std::string& a, const std::string& b, bool ignore_case) {
  if (!ignore_case) return a == b;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// The field of that name: as it is written, else the only one that differs in case.
std::optional<int> FieldIndex(const arrow::DataType& type, const std::string& name) {
  for (const bool ignore_case : {false, true}) {
    std::optional<int> found;
    int count = 0;
    for (int i = 0; i < type.num_fields(); ++i) {
      if (!SameName(type.field(i)->name(), name, ignore_case)) continue;
      if (!found) found = i;
      ++count;
    }
    if (count == 1) return found;
  }
  return std::nullopt;
}

bool IsText(const std::shared_ptr<arrow::Scalar>& literal) {
  return literal != nullptr && literal->is_valid &&
         literal->type->id() == arrow::Type::STRING;
}

Result<Binding> BindFieldOf(const Types& types, const Literals& literals) {
  if (types.size() != 2 || types[0]->id() != arrow::Type::STRUCT ||
      !IsText(literals[1])) {
    return BadArguments("struct_extract", types,
                        "it takes a struct and the name of a field, a constant");
  }
  const std::string name = literals[1]->ToString();
  const std::optional<int> index = FieldIndex(*types[0], name);
  if (!index) {
    return BadArguments("struct_extract", types, "there is no one field '" + name + "'");
  }
  const TypePtr& type = types[0]->field(*index)->type();
  return Binding{types, data::LogicalType(*type, type)};
}

Result<arrow::Datum> FieldOfStruct(EvalContext& context, const Arguments& arguments,
                                   int64_t, const TypePtr& type) {
  const std::optional<int> index =
      FieldIndex(*arguments[0].type(), arguments[1].scalar()->ToString());
  const bool scalar = arguments[0].is_scalar();
  std::shared_ptr<arrow::Array> structs;
  if (scalar) {
    ARROW_ASSIGN_OR_RAISE(
        structs, arrow::MakeArrayFromScalar(*arguments[0].scalar(), 1, context.pool));
  } else {
    structs = arguments[0].make_array();
  }
  // A NULL struct has NULL fields.
  ARROW_ASSIGN_OR_RAISE(
      auto field, static_cast<const arrow::StructArray&>(*structs).GetFlattenedField(
                      *index, context.pool));
  ARROW_ASSIGN_OR_RAISE(field, data::Decoded(field, context.pool));
  return Retyped(std::move(field), type, scalar);
}

// Every `step`th argument from `first` is a field.
Result<arrow::Datum> Pack(EvalContext& context, const Arguments& arguments, int64_t rows,
                          const TypePtr& type, size_t first, size_t step) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  arrow::ArrayVector children;
  for (size_t i = first; i < arguments.size(); i += step) {
    if (arguments[i].is_array()) {
      children.push_back(arguments[i].make_array());
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto child, arrow::MakeArrayFromScalar(*arguments[i].scalar(),
                                                                 rows, context.pool));
    children.push_back(std::move(child));
  }
  return Retyped(std::make_shared<arrow::StructArray>(type, rows, std::move(children)),
                 type, scalar);
}

Result<Binding> BindNamed(const Types& types, const Literals& literals) {
  arrow::FieldVector fields;
  for (size_t i = 0; i + 1 < types.size(); i += 2) {
    if (!IsText(literals[i])) break;
    const std::string name = literals[i]->ToString();
    for (const auto& field : fields) {
      if (field->name() == name) {
        return BadArguments("named_struct", types, "two fields '" + name + "'");
      }
    }
    fields.push_back(arrow::field(name, types[i + 1]));
  }
  if (fields.empty() || fields.size() * 2 != types.size()) {
    return BadArguments("named_struct", types,
                        "it takes names, which are constants, and values by turns");
  }
  return Binding{types, arrow::struct_(std::move(fields))};
}

}  // namespace

Status RegisterStructs(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"struct_extract",
              {},
              "struct",
              "struct.field, struct_extract(struct, 'field') → type of the field",
              "One field. Its name may differ in case where no other one does.",
              "struct_extract(named_struct('a', 1, 'b', 'x'), 'b')",
              "x"},
      .bind = BindFieldOf,
      .evaluate = FieldOfStruct}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"named_struct",
                             {"struct_value"},
                             "struct",
                             "{'a': 1, 'b': 2}, named_struct('a', 1, 'b', 2) → struct",
                             "A struct of these fields, NULLs included.",
                             "named_struct('a', 1, 'b', 'x')",
                             "{'a': 1, 'b': x}"},
                     .bind = BindNamed,
                     .evaluate = [](EvalContext& context, const Arguments& arguments,
                                    int64_t rows, const TypePtr& type) {
                       return Pack(context, arguments, rows, type, 1, 2);
                     }}));
  return registry.Add(ScalarFunction{
      .doc = {"row",
              {"struct"},
              "struct",
              "(a, b, …), row(a, b, …) → struct",
              "A struct whose fields are col1, col2, ….",
              "row(1, 'x')",
              "{'col1': 1, 'col2': x}"},
      .bind = [](const Types& types, const Literals&) -> Result<Binding> {
        if (types.empty()) return BadArguments("row", types, "too few arguments");
        arrow::FieldVector fields;
        for (const TypePtr& type : types) {
          fields.push_back(arrow::field("col" + std::to_string(fields.size() + 1), type));
        }
        return Binding{types, arrow::struct_(std::move(fields))};
      },
      .evaluate =
          [](EvalContext& context, const Arguments& arguments, int64_t rows,
             const TypePtr& type) {
            return Pack(context, arguments, rows, type, 0, 1);
          }});
}

}  // namespace millrace::functions
