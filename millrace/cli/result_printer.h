// Rows on standard output.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::cli {

enum class ResultFormat { kTable, kCsv, kJson, kArrow };

/// Prints one result at a time: Begin, Add for each batch, End. Add may be called on
/// another thread than the rest, never at the same time.
class ResultPrinter {
 public:
  virtual ~ResultPrinter() = default;
  virtual Status Begin(const std::shared_ptr<arrow::Schema>& schema) = 0;
  virtual Status Add(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  virtual Status End() = 0;
};

/// `max_rows`: of a table; the rest is counted, not shown.
std::unique_ptr<ResultPrinter> MakeResultPrinter(ResultFormat format, int64_t max_rows,
                                                 arrow::MemoryPool* pool);

}  // namespace millrace::cli
