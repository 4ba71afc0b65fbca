// Where the elements of a file's ranges begin.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/structure.h"

namespace millrace::formats::json {

/// What stands before a range decides what its brackets mean, so ranges are added up:
/// each by whoever needs it first, in one pass over its bytes that is far cheaper than
/// reading its values. Thread-safe; nobody waits for anybody.
class ElementStarts final : public RecordStarts {
 public:
  ElementStarts(std::shared_ptr<const OpenFile> file, std::vector<Range> ranges);

 protected:
  Result<int64_t> Search(size_t ordinal, arrow::MemoryPool* pool) override;

 private:
  Result<StructureDelta> DeltaOf(size_t ordinal, arrow::MemoryPool* pool);
  Result<Structure> Before(size_t ordinal, arrow::MemoryPool* pool);

  std::shared_ptr<const OpenFile> file_;
  std::mutex mutex_;
  std::vector<std::optional<StructureDelta>> deltas_;  // of the ranges
  std::vector<std::optional<Structure>> before_;       // at their begins
};

/// Number of records between data_begin and `offset`, where one begins.
Result<int64_t> CountElements(const OpenFile& file, int64_t offset,
                              arrow::MemoryPool* pool);

/// Has the array been closed somewhere before `offset`, which is where a reader stood
/// after some record?
Result<bool> ClosedBefore(const OpenFile& file, int64_t offset);

}  // namespace millrace::formats::json
