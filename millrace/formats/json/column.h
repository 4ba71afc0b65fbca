// ColumnParser: turns the values of one column into an Arrow array.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/json/object.h"
#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {

/// The tokens of a column's values, `stride` apart; 0 where the field is missing.
struct Cells {
  const uint32_t* first = nullptr;
  size_t stride = 1;
  int64_t count = 0;

  uint32_t operator[](int64_t row) const {
    return first[row * static_cast<int64_t>(stride)];
  }
};

/// A value that could not be used.
struct BadValue {
  int64_t row = 0;  ///< in the cells that were parsed
  const ErrorSpec* spec = nullptr;
  uint32_t byte = 0;  ///< offset in the tokens' text
  std::string path;   ///< inside the column: ".street[]"
  std::string text;
};

/// Used by one thread. Keeps what helps with the next cells of the same column (a
/// dictionary, the order of fields), nothing that changes values.
class ColumnParser {
 public:
  virtual ~ColumnParser() = default;
  /// Every row's value, NULL for missing fields and null; rows named in `bad` (appended
  /// to) have an arbitrary one.
  virtual Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens,
                                                      const Cells& cells,
                                                      std::vector<BadValue>* bad) = 0;
};

/// What parsers of one file have in common.
struct ColumnSettings {
  bool declared = false;  ///< the user named the type: "12.5" in quotes may be a number
  bool unknown_fails = false;
  arrow::MemoryPool* pool = nullptr;
};

/// `dictionary`: deliver a utf8 column as dictionary(int32, utf8) for as long as that
/// pays. Fails with kJsonUnsupportedType.
Result<std::unique_ptr<ColumnParser>> MakeColumnParser(const arrow::Field& field,
                                                       bool dictionary,
                                                       const ColumnSettings& settings);

/// utf8, large_utf8, binary and large_binary.
std::unique_ptr<ColumnParser> MakeStringParser(std::shared_ptr<arrow::DataType> type,
                                               arrow::MemoryPool* pool);
/// utf8 as dictionary, changing to plain when the dictionary outgrows its use.
std::unique_ptr<ColumnParser> MakeDictionaryParser(arrow::MemoryPool* pool);
/// struct, list, large_list, fixed_size_list and map.
Result<std::unique_ptr<ColumnParser>> MakeNestedParser(const arrow::Field& field,
                                                       const ColumnSettings& settings);

/// A BadValue for the value at `token`.
BadValue MakeBadValue(const Tokens& tokens, int64_t row, uint32_t token,
                      const arrow::DataType& type);

}  // namespace millrace::formats::json
