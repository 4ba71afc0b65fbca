// A row as text, for dead letters of rows that have no text of their own.
#pragma once

#include <string>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// One JSON object, so that people and a replay can read it. NULL is null; numbers and
/// truth values stand as they are, everything else as text. For a few rows only.
Result<std::string> RowText(const arrow::RecordBatch& rows, int64_t row);

}  // namespace millrace::data
