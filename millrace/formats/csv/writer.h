// CSV writer: Arrow batches → text.
#pragma once

#include <memory>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/format.h"

namespace millrace::formats::csv {

/// Writes in pieces of at least 1 MiB. Binary values are written as \x and hex digits,
/// nested ones as JSON text, timestamps with a zone in UTC and with a trailing Z.
Result<std::unique_ptr<FileWriter>> MakeWriter(
    io::WritableFile& file, WriteDialect dialect,
    const std::shared_ptr<arrow::Schema>& schema, bool appending, const Context& context);

}  // namespace millrace::formats::csv
