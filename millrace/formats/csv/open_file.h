// What the readers of one CSV file share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/format.h"

namespace millrace::formats::csv {

/// One column of the schema.
struct ColumnPlan {
  int file_column = 0;
  bool dictionary = false;  ///< its values repeat
};

/// A file whose dialect, schema and first record are known. Immutable.
struct OpenFile {
  Input input;
  Dialect dialect;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<ColumnPlan> columns;  ///< one a field of the schema
  std::vector<std::string> names;   ///< of the file's columns, for errors
  int64_t data_begin = 0;           ///< offset of the first record after the header
  /// Bytes from data_begin that were taken from a stream to infer the schema.
  std::string stream_head;
  bool stream_ended = false;

  int width() const { return static_cast<int>(names.size()); }
};

/// Where the ranges of one file begin. Thread-safe; nobody waits for anybody.
///
/// Whether a byte is inside quotes depends on the number of quotes before it. Each range
/// counts its own and publishes the parity; what others have not published yet is counted
/// again. A reader that has read its range to the end knows better: it publishes where
/// the next range's first record begins, so that ranges read in order are counted by
/// nobody.
class RangeStarts final : public FileState {
 public:
  RangeStarts(std::shared_ptr<const OpenFile> file, std::vector<Range> ranges);

  const Range& range(size_t ordinal) const { return ranges_[ordinal]; }
  /// Offset of the first record that begins in the range, or its end when none does.
  Result<int64_t> Find(size_t ordinal, arrow::MemoryPool* pool);
  /// A record ends right before `offset`, which is in a range after `ordinal`, and none
  /// begins between the end of `ordinal` and there.
  void PublishNext(size_t ordinal, int64_t offset);

 private:
  struct Shared {
    std::atomic<int8_t> parity{-1};  // of the quotes in the range; -1: not counted
    std::atomic<int8_t> prefix{-1};  // of the quotes before the range
    std::atomic<int64_t> start{-1};
  };

  Result<int8_t> Parity(size_t ordinal, arrow::MemoryPool* pool);
  Result<int8_t> PrefixParity(size_t ordinal, arrow::MemoryPool* pool);

  std::shared_ptr<const OpenFile> file_;
  std::vector<Range> ranges_;
  std::unique_ptr<Shared[]> shared_;
};

/// Number of records between data_begin and `offset`, which begins one. Blank lines and
/// comments are no records.
Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool);

}  // namespace millrace::formats::csv
