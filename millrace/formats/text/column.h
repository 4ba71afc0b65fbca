// ColumnParser: turns one column of some records into an Arrow array.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/error.h"

namespace millrace::formats {

/// A value that could not be used.
struct BadValue {
  int64_t row = 0;  ///< in the cells that were parsed
  const ErrorSpec* spec = nullptr;
  uint32_t byte = 0;  ///< offset in the records' text
  std::string path;   ///< inside the column: ".street[]"
  std::string text;   ///< what is wrong with which value
};

/// `Cells` is what a format knows of one column of some records. Used by one thread.
/// Keeps what helps with the next cells of the same column (a dictionary, the order of
/// fields), nothing that changes values.
template <class Cells>
class ColumnParser {
 public:
  virtual ~ColumnParser() = default;
  /// Every row's value; rows named in `bad` (appended to) have an arbitrary one.
  virtual Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                                      std::vector<BadValue>* bad) = 0;
};

/// Which texts the values of a type come from, where a format tells texts apart.
enum class CellKind {
  kNumber,  ///< numbers
  kExact,   ///< numbers, and text that holds what a number may not: exact decimals
  kTime,    ///< dates and times
  kWord,    ///< true and false
};

/// What there is in a cell.
enum class Found { kValue, kNull, kBad };

/// What the parsers of one file have in common.
struct ColumnSettings {
  std::string_view timestamp_format;  ///< besides ISO 8601; outlives the parsers
  bool declared = false;              ///< the user named the types
  bool unknown_fails = false;         ///< of fields inside a nested column
  arrow::MemoryPool* pool = nullptr;
};

}  // namespace millrace::formats
