#include "millrace/data/byte_size.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

namespace millrace::data {

namespace {

// Validity and values of a column whose values stand side by side, or -1.
int64_t FlatBytes(const arrow::ArrayData& column) {
  const int64_t validity = column.buffers[0] ? (column.length + 7) / 8 : 0;
  const arrow::Type::type type = column.type->id();
  if (arrow::is_fixed_width(type) && type != arrow::Type::DICTIONARY) {
    const int bits = static_cast<const arrow::FixedWidthType&>(*column.type).bit_width();
    return validity + (column.length * bits + 7) / 8;
  }
  if (type != arrow::Type::STRING && type != arrow::Type::BINARY) return -1;
  if (column.length == 0) return 0;
  const auto* offsets = column.GetValues<int32_t>(1);
  return validity + (column.length + 1) * static_cast<int64_t>(sizeof(int32_t)) +
         offsets[column.length] - offsets[0];
}

}  // namespace

Result<int64_t> ReferencedBytes(const arrow::RecordBatch& rows) {
  int64_t bytes = 0;
  for (int i = 0; i < rows.num_columns(); ++i) {
    int64_t of_column = FlatBytes(*rows.column_data(i));
    if (of_column < 0) {
      ARROW_ASSIGN_OR_RAISE(of_column,
                            arrow::util::ReferencedBufferSize(*rows.column(i)));
    }
    bytes += of_column;
  }
  return bytes;
}

}  // namespace millrace::data
