// RemoteFile: one object as a file that is read at any offset, in few requests.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/base/executor.h"
#include "millrace/base/memory_budget.h"
#include "millrace/io/object_store/object_store.h"
#include "millrace/io/positioned_file.h"

namespace millrace::io {

/// Fetches runs of up to 8 MiB: larger ones while it is read on, and ahead of the reader
/// on the executor, also where WillNeed says so. A run that has been read is let go.
/// ReadAt blocks, and is thread-safe; whoever needs a run that waits for a thread fetches
/// it on their own, so threads that wait never wait for a thread.
class RemoteFile final : public PositionedFile {
 public:
  /// `executor` outlives the file and may be null: then nothing is fetched ahead.
  RemoteFile(std::shared_ptr<ObjectStore> store, ObjectInfo info,
             std::shared_ptr<MemoryBudget> memory, Executor* executor);
  ~RemoteFile() override;

  Result<int64_t> GetSize() override { return info_.size; }
  Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override;
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override;
  Status WillNeed(const std::vector<arrow::io::ReadRange>& ranges) override;

 private:
  struct Run;
  using RunPtr = std::shared_ptr<Run>;

  // Under mutex_.
  RunPtr Covering(int64_t offset) const;
  RunPtr Plan(int64_t offset, int64_t size);
  RunPtr AddRun(int64_t begin, int64_t end, bool sequential);
  void FetchAhead(const RunPtr& run, int64_t offset);
  void Pump();
  void LetGo(const RunPtr& run);
  void KeepWithinBounds();

  /// A run that is there, counted as read up to `size` from `offset` on.
  Result<RunPtr> Ready(int64_t offset, int64_t size);
  /// The caller has set the run to being fetched.
  void Fetch(const RunPtr& run);
  void FetchQueued();

  const std::shared_ptr<ObjectStore> store_;
  const ObjectInfo info_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;

  std::mutex mutex_;
  std::condition_variable fetched_;
  std::map<int64_t, RunPtr> runs_;  // by their begin; they don't overlap
  std::deque<RunPtr> queue_;
  int fetchers_ = 0;
  uint64_t ticks_ = 0;
};

}  // namespace millrace::io
