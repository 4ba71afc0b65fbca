// ColumnParser: turns one column of indexed rows into an Arrow array.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/error.h"
#include "millrace/formats/csv/rows.h"

namespace millrace::formats::csv {

/// A field that could not be parsed.
struct BadField {
  int64_t row;  ///< in the Rows that were parsed
  int column;   ///< of the file
  const ErrorSpec* spec;
};

/// Used by one thread. Keeps what helps with the next rows of the same column (a
/// dictionary, the average length), nothing that changes values.
class ColumnParser {
 public:
  virtual ~ColumnParser() = default;
  /// Every row's value; rows named in `bad` (appended to) have an arbitrary one.
  virtual Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                                      std::vector<BadField>* bad) = 0;
};

/// `dictionary`: deliver a utf8 column as dictionary(int32, utf8) for as long as that
/// pays. `dialect` and `pool` outlive the parser. Fails with kCsvUnsupportedType.
Result<std::unique_ptr<ColumnParser>> MakeColumnParser(const arrow::Field& field,
                                                       const Dialect& dialect,
                                                       bool dictionary,
                                                       arrow::MemoryPool* pool);

/// utf8, large_utf8, binary and large_binary.
std::unique_ptr<ColumnParser> MakeStringParser(std::shared_ptr<arrow::DataType> type,
                                               const Dialect& dialect,
                                               arrow::MemoryPool* pool);
/// utf8 as dictionary, changing to plain when the dictionary outgrows its use.
std::unique_ptr<ColumnParser> MakeDictionaryParser(const Dialect& dialect,
                                                   arrow::MemoryPool* pool);

}  // namespace millrace::formats::csv
