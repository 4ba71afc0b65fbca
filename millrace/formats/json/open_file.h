// What the readers of one JSON file share, and how it comes to be.
#pragma once

#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/json/options.h"
#include "millrace/formats/text/text_file.h"

namespace millrace::formats::json {

/// data_begin is after a byte order mark, and after an array's opening bracket.
struct OpenFile : TextFile {
  Layout layout = Layout::kLines;
  ReadSettings settings;
  bool declared = false;         ///< the user named the columns
  std::vector<bool> dictionary;  ///< of a column: its values repeat
};

/// Read a sample and decide everything that OpenFile holds. Waits for the first bytes of
/// a stream. Lines that can't be read are left for the reader to report, unless there is
/// no other.
///
/// Columns come in the order in which their names do. Types: BOOLEAN, BIGINT, UBIGINT
/// when a number needs its range and none is negative, DOUBLE, DATE, TIMESTAMP, TIMESTAMP
/// WITH TIME ZONE (strings in ISO 8601), STRUCT, LIST, else VARCHAR. Integers and reals
/// mix to DOUBLE, dates and timestamps to TIMESTAMP; every other mixture, whole numbers
/// beyond 64 bits, objects of no or very many fields and values nested very deeply are
/// VARCHAR, which takes strings as their text and other values as their JSON, so that
/// nothing is lost. A column of nulls is VARCHAR.
Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, const ReadSettings& settings,
    const std::shared_ptr<arrow::Schema>& declared, const Context& context);

/// Number of records between data_begin and `offset`, where a line begins. Blank lines
/// are no records.
Result<int64_t> CountLines(const OpenFile& file, int64_t offset, arrow::MemoryPool* pool);

}  // namespace millrace::formats::json
