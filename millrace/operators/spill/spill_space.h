// SpillSpace: where operators put rows that memory has no room for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/result.h"

namespace millrace::operators {

/// A file without a name: it was unlinked when it was opened, so a process that is killed
/// leaves nothing. One thread appends; what was appended never changes and may be read
/// from any thread.
class SpillFile {
 public:
  /// One batch in the file.
  struct Place {
    int64_t offset = 0;
    int64_t bytes = 0;
    int64_t rows = 0;
  };

  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// All batches of a file have one schema. Fails with errors::kSpillDiskFull.
  Result<Place> Append(const arrow::RecordBatch& batch, arrow::MemoryPool* pool);
  Result<std::shared_ptr<arrow::RecordBatch>> Read(const Place& place,
                                                   arrow::MemoryPool* pool) const;
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  int64_t bytes() const { return end_; }

 private:
  friend class SpillSpace;
  SpillFile(int descriptor, std::string folder, std::shared_ptr<arrow::Schema> schema)
      : descriptor_(descriptor), folder_(std::move(folder)), schema_(std::move(schema)) {}

  const int descriptor_;
  const std::string folder_;
  const std::shared_ptr<arrow::Schema> schema_;
  int64_t end_ = 0;
};

/// A folder for spilled rows. Thread-safe.
class SpillSpace {
 public:
  explicit SpillSpace(std::string folder) : folder_(std::move(folder)) {}
  /// A new file for batches of `schema`.
  Result<std::shared_ptr<SpillFile>> Open(std::shared_ptr<arrow::Schema> schema);
  /// Files that were opened so far.
  int64_t files_opened() const { return files_.load(std::memory_order_relaxed); }

 private:
  const std::string folder_;
  std::atomic<int64_t> files_{0};
};

/// A batch in a file that is kept open by whoever may read it.
struct SpilledBatch {
  std::shared_ptr<SpillFile> file;
  SpillFile::Place place;
};

/// Spilled batches one after the other, read on any thread, into memory of `budget`.
std::shared_ptr<arrow::RecordBatchReader> ReadSpilled(
    std::shared_ptr<arrow::Schema> schema, std::vector<SpilledBatch> batches,
    std::shared_ptr<MemoryBudget> budget);

}  // namespace millrace::operators
