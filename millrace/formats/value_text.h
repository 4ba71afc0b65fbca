#pragma once

#include <string>

#include <arrow/type_fwd.h>

namespace millrace::formats {

/// One value for an error message, quoted and shortened.
std::string ValueText(const arrow::Array& array, int64_t row);

}  // namespace millrace::formats
