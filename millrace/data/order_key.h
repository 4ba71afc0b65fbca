// Values as bytes whose order is the order of ORDER BY.
#pragma once

#include <cstdint>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// Append the key of a value that is not NULL: big-endian with its sign flipped (floats:
/// −0 as 0, NaN above everything; text: 0 bytes escaped and closed by two), so that
/// memcmp orders keys as the values are ordered and no key is the beginning of another.
using PutOrderKey = void (*)(const arrow::Array& values, int64_t row,
                             std::vector<char>& out);

/// The writer for plain arrays of `type`; NotImplemented for types without an order.
Result<PutOrderKey> OrderKeyWriter(const arrow::DataType& type);

}  // namespace millrace::data
