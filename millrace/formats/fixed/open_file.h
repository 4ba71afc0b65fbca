// What the readers of one fixed-width file share, and how it comes to be.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/fixed/options.h"
#include "millrace/formats/text/text_file.h"

namespace millrace::formats::fixed {

/// One column of the schema.
struct ColumnPlan {
  size_t field = 0;         ///< of the layout
  bool dictionary = false;  ///< its values repeat
};

/// Every field of the layout has a name. A footer is no part of the input any more where
/// that is a file.
struct OpenFile : TextFile {
  ReadSettings settings;
  std::vector<ColumnPlan> columns;  ///< one a field of the schema

  const FieldPlace& field(size_t column) const {
    return settings.layout.fields[columns[column].field];
  }
};

/// Is that what follows the last record of a file without line ends, and no record?
inline bool IsEndOfFile(std::string_view text) {
  return text.find_first_not_of("\r\n\x1a") == std::string_view::npos;
}

/// The text of a field of `record`, blanks around it left out where `trim` says so.
std::string_view FieldText(std::string_view record, const FieldPlace& field, bool ascii,
                           bool trim);

/// Read a sample and decide everything that OpenFile holds. Waits for the first bytes of
/// a stream. Types are inferred as those of CSV are (csv/infer.h).
Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, ReadSettings settings, const std::shared_ptr<arrow::Schema>& declared,
    const Context& context);

/// Number of records between data_begin and `offset`, which begins one. Blank lines are
/// no records.
Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool);

}  // namespace millrace::formats::fixed
