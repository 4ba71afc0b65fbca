// What the readers of one CSV file share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/text/text_file.h"

namespace millrace::formats::csv {

/// One column of the schema.
struct ColumnPlan {
  int file_column = 0;
  bool dictionary = false;  ///< its values repeat
};

/// A file whose dialect is known, too.
struct OpenFile : TextFile {
  Dialect dialect;
  std::vector<ColumnPlan> columns;  ///< one a field of the schema
  std::vector<std::string> names;   ///< of the file's columns
  bool header = false;              ///< the first record gave them

  int width() const { return static_cast<int>(names.size()); }
};

/// Whether a byte is inside quotes depends on the number of quotes before it. Each range
/// counts its own and publishes the parity; what others have not published yet is counted
/// again.
class RangeStarts final : public RecordStarts {
 public:
  RangeStarts(std::shared_ptr<const OpenFile> file, std::vector<Range> ranges);

 protected:
  Result<int64_t> Search(size_t ordinal, arrow::MemoryPool* pool) override;

 private:
  struct Shared {
    std::atomic<int8_t> parity{-1};  // of the quotes in the range; -1: not counted
    std::atomic<int8_t> prefix{-1};  // of the quotes before the range
  };

  Result<int8_t> Parity(size_t ordinal, arrow::MemoryPool* pool);
  Result<int8_t> PrefixParity(size_t ordinal, arrow::MemoryPool* pool);

  std::shared_ptr<const OpenFile> file_;
  std::unique_ptr<Shared[]> shared_;
};

/// Number of records between data_begin and `offset`, which begins one. Blank lines and
/// comments are no records.
Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool);

}  // namespace millrace::formats::csv
