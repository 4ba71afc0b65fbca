#include "millrace/data/batch.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

namespace millrace::data {

const char* RowKindName(RowKind kind) {
  switch (kind) {
    case RowKind::kInsert: return "+I";
    case RowKind::kUpdateBefore: return "-U";
    case RowKind::kUpdateAfter: return "+U";
    case RowKind::kDelete: return "-D";
  }
  return "?";
}

int64_t Batch::num_rows() const { return rows ? rows->num_rows() : 0; }

int64_t Batch::num_bytes() const {
  if (!rows) return 0;
  // Slices share buffers with their siblings; a slice is charged for its own part, or the
  // sum would exceed the truth.
  auto referenced = arrow::util::ReferencedBufferSize(*rows);
  return referenced.ok() ? *referenced : arrow::util::TotalBufferSize(*rows);
}

}  // namespace millrace::data
