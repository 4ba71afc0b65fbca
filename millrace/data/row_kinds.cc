#include "millrace/data/row_kinds.h"

#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/base/error.h"

namespace millrace::data {

Result<std::shared_ptr<const Changes>> SelectChanges(
    const std::shared_ptr<const Changes>& changes, const arrow::Int32Array& chosen,
    arrow::MemoryPool* pool) {
  if (!changes || !changes->kinds) return changes;
  for (const auto& unchanged : changes->unchanged) {
    if (unchanged)
      return errors::kInternal.Make({}, "rows are chosen of which columns are missing");
  }
  const int64_t rows = chosen.length();
  const int32_t* at = chosen.raw_values();
  const int8_t* kinds = changes->kinds->raw_values();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(rows, pool));
  auto* out = reinterpret_cast<int8_t*>(buffer->mutable_data());
  for (int64_t i = 0; i < rows; ++i) {
    auto kind = static_cast<RowKind>(kinds[at[i]]);
    if (kind == RowKind::kUpdateBefore && (i + 1 == rows || at[i + 1] != at[i] + 1)) {
      kind = RowKind::kDelete;
    } else if (kind == RowKind::kUpdateAfter && (i == 0 || at[i - 1] != at[i] - 1)) {
      kind = RowKind::kInsert;
    }
    out[i] = static_cast<int8_t>(kind);
  }
  auto selected = std::make_shared<Changes>(*changes);
  selected->kinds = std::make_shared<arrow::Int8Array>(rows, std::move(buffer));
  return selected;
}

}  // namespace millrace::data
