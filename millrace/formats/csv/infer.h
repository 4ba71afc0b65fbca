// Opening a CSV file: line ends, header, column names and types, from samples.
#pragma once

#include <memory>

#include "millrace/formats/csv/open_file.h"

namespace millrace::formats::csv {

/// Read a sample and decide everything that OpenFile holds. Waits for the first bytes of
/// a stream.
///
/// Types: BOOLEAN (true, false), BIGINT, DOUBLE, DATE, TIMESTAMP, TIMESTAMP WITH TIME
/// ZONE, else VARCHAR; integers and reals mix to DOUBLE, dates and timestamps to
/// TIMESTAMP; whole numbers beyond 64 bits stay VARCHAR, so that nothing is rounded; a
/// column of NULLs is VARCHAR. Leading zeros don't make a number text.
Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, Dialect dialect, const std::shared_ptr<arrow::Schema>& declared,
    const Context& context);

}  // namespace millrace::formats::csv
