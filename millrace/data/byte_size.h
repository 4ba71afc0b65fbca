// How much memory rows refer to.
#pragma once

#include <cstdint>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// Bytes of the parts of buffers that `rows` refers to: a slice counts for its own part.
/// A buffer that several columns share counts for each. Cheap for batches of a few rows,
/// of which there may be thousands.
Result<int64_t> ReferencedBytes(const arrow::RecordBatch& rows);

}  // namespace millrace::data
