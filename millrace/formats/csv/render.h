// Text of values that are rare in CSV: binary, nested, wide decimals, durations.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::formats::csv {

/// A large_utf8 array of the values' texts, NULL where they are. Binary as \x and hex
/// digits, nested values as JSON, anything else as Arrow prints it.
Result<std::shared_ptr<arrow::Array>> RenderText(const arrow::Array& array,
                                                 arrow::MemoryPool* pool);

}  // namespace millrace::formats::csv
