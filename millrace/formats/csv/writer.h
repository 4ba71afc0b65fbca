// CSV writer: Arrow batches → text.
#pragma once

#include <memory>
#include <string>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/format.h"

namespace millrace::formats::csv {

/// Encodes in pieces of at least 1 MiB. Binary values are written as \x and hex digits,
/// nested ones as JSON text, timestamps with a zone in UTC and with a trailing Z.
std::unique_ptr<data::RowEncoder> MakeEncoder(WriteDialect dialect,
                                              const arrow::Schema& schema,
                                              const Context& context);

/// The line of column names, with its end; empty when there are none.
Result<std::string> HeaderLine(const WriteDialect& dialect, const arrow::Schema& schema);

/// Does a file that begins with `head` have the header and the line ends that rows of
/// `schema` would get? Fails with kCsvHeaderDiffers.
Status CheckHeader(std::string_view head, WriteDialect dialect,
                   const arrow::Schema& schema);

}  // namespace millrace::formats::csv
