// SQL names of Arrow types.
#pragma once

#include <string>

#include <arrow/type_fwd.h>

namespace millrace::data {

/// BIGINT, VARCHAR, DECIMAL(10, 2), TIMESTAMP …; Arrow's own text where SQL has no name.
std::string SqlTypeName(const arrow::DataType& type);

}  // namespace millrace::data
