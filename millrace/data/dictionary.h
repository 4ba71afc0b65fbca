// Dictionary-encoded columns: the one way in which a batch may differ from its stream's
// schema.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// dictionary<int32, value> of a string or binary column?
bool IsDictionary(const arrow::Array& array);

/// The type that the stream's schema gives the column: a dictionary's value type, else
/// the type itself.
const std::shared_ptr<arrow::DataType>& LogicalType(
    const arrow::DataType& type, const std::shared_ptr<arrow::DataType>& self);

/// Plain values of `array`: decodes a dictionary, returns anything else unchanged.
Result<std::shared_ptr<arrow::Array>> Decoded(const std::shared_ptr<arrow::Array>& array,
                                              arrow::MemoryPool* pool);

/// A batch whose columns all have exactly the types of `schema` (dictionaries decoded
/// where the schema has none).
Result<std::shared_ptr<arrow::RecordBatch>> DecodedTo(
    const std::shared_ptr<arrow::RecordBatch>& rows,
    const std::shared_ptr<arrow::Schema>& schema, arrow::MemoryPool* pool);

}  // namespace millrace::data
