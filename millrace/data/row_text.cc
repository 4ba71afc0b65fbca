#include "millrace/data/row_text.h"

#include <cmath>

#include <arrow/array/array_base.h>
#include <arrow/array/array_dict.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/data/json_string.h"

namespace millrace::data {

namespace {

bool IsFinite(const arrow::Scalar& value) {
  switch (value.type->id()) {
    case arrow::Type::FLOAT:
      return std::isfinite(static_cast<const arrow::FloatScalar&>(value).value);
    case arrow::Type::DOUBLE:
      return std::isfinite(static_cast<const arrow::DoubleScalar&>(value).value);
    default: return true;
  }
}

bool StandsAsItIs(const arrow::Scalar& value) {
  const arrow::Type::type id = value.type->id();
  if (id == arrow::Type::BOOL || arrow::is_integer(id)) return true;
  return (id == arrow::Type::FLOAT || id == arrow::Type::DOUBLE) && IsFinite(value);
}

}  // namespace

Result<std::string> RowText(const arrow::RecordBatch& rows, int64_t row) {
  std::string out = "{";
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(rows.schema()->field(i)->name(), &out);
    out += ':';
    ARROW_ASSIGN_OR_RAISE(auto value, rows.column(i)->GetScalar(row));
    if (value->is_valid && value->type->id() == arrow::Type::DICTIONARY) {
      ARROW_ASSIGN_OR_RAISE(
          value, static_cast<const arrow::DictionaryScalar&>(*value).GetEncodedValue());
    }
    if (!value->is_valid) {
      out += "null";
    } else if (StandsAsItIs(*value)) {
      out += value->ToString();
    } else {
      AppendJsonString(value->ToString(), &out);
    }
  }
  return out + '}';
}

}  // namespace millrace::data
