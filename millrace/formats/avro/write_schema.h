// The Avro schema that columns are written with.
#pragma once

#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::formats::avro {

/// `type` as the nearest one that Avro has a form for: what a column is cast to before it
/// is written. Fails with kAvroType.
Result<std::shared_ptr<arrow::DataType>> WrittenType(
    const std::shared_ptr<arrow::DataType>& type, const std::string& column);

/// JSON of a record called `name` with the fields of `schema`, whose types are those of
/// WrittenType. Names that Avro does not allow are changed: other characters become '_',
/// and a number makes the same names different.
Result<std::string> SchemaJson(const arrow::Schema& schema, const std::string& name);

/// Letters, digits and '_', no digit first; parts divided by dots where `full`.
bool IsAvroName(const std::string& name, bool full);

}  // namespace millrace::formats::avro
