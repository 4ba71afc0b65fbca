#include "millrace/formats/value_text.h"

#include <arrow/array.h>
#include <arrow/scalar.h>

#include "millrace/base/calendar.h"
#include "millrace/formats/input.h"

namespace millrace::formats {

std::string ValueText(const arrow::Array& array, int64_t row) {
  if (array.type_id() == arrow::Type::DATE32 && array.IsValid(row)) {
    // Arrow gives up on years that it can't write.
    std::string text;
    AppendDay(static_cast<const arrow::Date32Array&>(array).Value(row), &text);
    return text;
  }
  auto scalar = array.GetScalar(row);
  if (scalar.ok() && array.type_id() == arrow::Type::DICTIONARY) {
    scalar = static_cast<const arrow::DictionaryScalar&>(**scalar).GetEncodedValue();
  }
  return Excerpt(scalar.ok() ? (*scalar)->ToString() : "a value");
}

}  // namespace millrace::formats
