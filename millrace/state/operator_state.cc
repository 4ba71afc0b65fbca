#include "millrace/state/operator_state.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::state {

Status OperatorSnapshot::Add(std::string part, Extent extent,
                             const std::shared_ptr<arrow::RecordBatch>& rows,
                             const std::shared_ptr<arrow::Array>& groups) {
  ARROW_ASSIGN_OR_RAISE(
      auto grouped,
      rows->AddColumn(
          0, arrow::field(std::string(kGroupColumn), arrow::uint16(), /*nullable=*/false),
          groups));
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::RecordBatchReader::Make({grouped}));
  pieces_.push_back({std::move(part), extent, std::move(reader)});
  return Status::OK();
}

}  // namespace millrace::state
