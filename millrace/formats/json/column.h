// Parsers of JSON columns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/formats/json/cells.h"
#include "millrace/formats/json/object.h"

namespace millrace::formats::json {

using JsonColumnParser = ColumnParser<JsonCells>;

/// `dictionary`: deliver a utf8 column as dictionary(int32, utf8) for as long as that
/// pays. Fails with kJsonUnsupportedType.
Result<std::unique_ptr<JsonColumnParser>> MakeColumnParser(
    const arrow::Field& field, bool dictionary, const ColumnSettings& settings);

/// struct, list, large_list, fixed_size_list and map.
Result<std::unique_ptr<JsonColumnParser>> MakeNestedParser(
    const arrow::Field& field, const ColumnSettings& settings);

}  // namespace millrace::formats::json
