#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/expr/branches_internal.h"
#include "millrace/expr/dictionary_internal.h"

namespace millrace::expr {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// A dictionary's values with the indices that select them; NULL rows select a last value
// that is NULL, because an expression may make something of NULL.
struct Referenced {
  ArrayPtr values;
  ArrayPtr indices;  // int32, without NULLs
};

Result<Referenced> Dense(const arrow::DictionaryArray& column, bool compact,
                         EvalContext& context) {
  const int64_t rows = column.length();
  const auto dictionary_size = static_cast<size_t>(column.dictionary()->length());
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateBuffer(rows * sizeof(int32_t), context.pool));
  auto* codes = reinterpret_cast<int32_t*>(buffer->mutable_data());
  const auto null_code = static_cast<int32_t>(dictionary_size);
  std::vector<int32_t> new_code(dictionary_size + 1, -1);
  bool any_null = false;
  for (int64_t i = 0; i < rows; ++i) {
    codes[i] =
        column.IsNull(i) ? null_code : static_cast<int32_t>(column.GetValueIndex(i));
    new_code[codes[i]] = 0;
  }
  any_null = new_code[null_code] == 0;
  if (!compact && !any_null) {
    return Referenced{column.dictionary(),
                      std::make_shared<arrow::Int32Array>(rows, std::move(buffer))};
  }
  arrow::Int32Builder kept(context.pool);
  int32_t next = 0;
  for (size_t code = 0; code <= dictionary_size; ++code) {
    const bool is_null = code == dictionary_size;
    if (new_code[code] < 0 && (compact || is_null)) continue;
    new_code[code] = next++;
    ARROW_RETURN_NOT_OK(is_null ? kept.AppendNull()
                                : kept.Append(static_cast<int32_t>(code)));
  }
  for (int64_t i = 0; i < rows; ++i) codes[i] = new_code[codes[i]];
  ARROW_ASSIGN_OR_RAISE(ArrayPtr order, kept.Finish());
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum values,
      arrow::compute::Take(column.dictionary(), order,
                           arrow::compute::TakeOptions::NoBoundsCheck(), context.arrow));
  return Referenced{values.make_array(),
                    std::make_shared<arrow::Int32Array>(rows, std::move(buffer))};
}

}  // namespace

int DictionaryColumn(const Expr& expr, const arrow::RecordBatch& rows) {
  bool any = false;
  for (const auto& column : rows.columns()) {
    any |= column->type_id() == arrow::Type::DICTIONARY;
  }
  if (!any) return -1;
  const std::vector<int> columns = ColumnsOf(expr);
  if (columns.size() != 1 || columns[0] >= rows.num_columns()) return -1;
  const auto& column = *rows.column(columns[0]);
  if (column.type_id() != arrow::Type::DICTIONARY) return -1;
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(column);
  if (dictionary.dictionary()->length() >= rows.num_rows()) return -1;
  return expr.is_deterministic() ? columns[0] : -1;
}

Result<arrow::Datum> EvaluateOverDictionary(const Expr& expr,
                                            const arrow::RecordBatch& rows, int column,
                                            EvalContext& context) {
  const auto& dictionary =
      static_cast<const arrow::DictionaryArray&>(*rows.column(column));
  ARROW_ASSIGN_OR_RAISE(const Referenced dense,
                        Dense(dictionary, CanFail(expr), context));
  const int64_t count = dense.values->length();
  arrow::ArrayVector columns(column + 1, std::make_shared<arrow::NullArray>(count));
  arrow::FieldVector fields(column + 1, arrow::field("", arrow::null()));
  columns[column] = dense.values;
  fields[column] = arrow::field("", dense.values->type());
  const auto batch = arrow::RecordBatch::Make(arrow::schema(std::move(fields)), count,
                                              std::move(columns));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum value, EvaluateNode(expr, *batch, context));
  if (value.is_scalar()) return value;
  const ArrayPtr values = value.make_array();
  const bool is_text = values->type_id() == arrow::Type::STRING ||
                       values->type_id() == arrow::Type::BINARY;
  if (is_text && values->null_count() == 0) {
    ARROW_ASSIGN_OR_RAISE(
        ArrayPtr out,
        arrow::DictionaryArray::FromArrays(
            arrow::dictionary(arrow::int32(), values->type()), dense.indices, values));
    return arrow::Datum(std::move(out));
  }
  return arrow::compute::Take(
      values, dense.indices, arrow::compute::TakeOptions::NoBoundsCheck(), context.arrow);
}

}  // namespace millrace::expr
