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
///
/// `first`: the first file of a set, or null. The columns of this one must then be the
/// same, in any order where the header names those of the schema.
Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, Dialect dialect, const std::shared_ptr<arrow::Schema>& declared,
    const OpenFile* first, const Context& context);

}  // namespace millrace::formats::csv
