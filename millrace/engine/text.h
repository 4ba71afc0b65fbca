// Values as text for people.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::engine {

/// Every value of `column` as CAST(… AS VARCHAR) gives it; nested values as Arrow prints
/// them. NULLs stay NULL.
Result<std::shared_ptr<arrow::StringArray>> AsText(
    const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool);

}  // namespace millrace::engine
