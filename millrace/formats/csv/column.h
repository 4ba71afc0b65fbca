// Parsers of CSV columns.
#pragma once

#include <memory>

#include "millrace/formats/csv/cells.h"

namespace millrace::formats::csv {

/// `dictionary`: deliver a utf8 column as dictionary(int32, utf8) for as long as that
/// pays. Fails with kCsvUnsupportedType.
Result<std::unique_ptr<ColumnParser<CsvCells>>> MakeColumnParser(
    const arrow::Field& field, bool dictionary, const NumberForm& numbers,
    const ColumnSettings& settings);

}  // namespace millrace::formats::csv
