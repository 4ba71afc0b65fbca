// PartPlace: where the parts of a folder wait for their commit: on the disk under hidden
// names, or in an object store as uploads that nobody sees.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/executor.h"
#include "millrace/base/future.h"
#include "millrace/base/ids.h"
#include "millrace/base/result.h"
#include "millrace/base/waker.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// A part that is being written, by one thread. Nobody sees it before its commit.
class PendingPart {
 public:
  virtual ~PendingPart() = default;
  virtual io::WritableFile& file() = 0;
  /// Nothing will be written any more; once the future ends, what was written survives
  /// this process. Called once, returns at once.
  virtual Future<> Finish() = 0;
  /// Nobody will commit it.
  virtual void Discard() = 0;
};

/// Shared by a sink and its writers. Thread-safe.
class PartPlace {
 public:
  using Parts = std::vector<std::shared_ptr<PendingPart>>;

  virtual ~PartPlace() = default;
  /// A part of that folder inside the destination; "" is the destination's own. `epoch`
  /// and `ordinal` tell those of one writer apart.
  virtual Result<std::shared_ptr<PendingPart>> Begin(WriterId writer, int64_t epoch,
                                                     int64_t ordinal,
                                                     const std::string& folder) = 0;
  /// May a writer go on? Otherwise so much waits to be put away that `waker` will tell
  /// when to ask again. Fails when something could not be put away.
  virtual Result<bool> Takes(const Waker& waker) { return true; }
  /// What the parts share is safe, too: called when they are finished, off the shards.
  virtual Status Settle() { return Status::OK(); }
  /// What the committer has to know of finished parts.
  virtual std::string TokenOf(const Parts& parts, bool last) = 0;

  /// A writer has begun a part, in this run or one before.
  std::atomic<bool> began{false};
  /// Writers of this run that have not come to their end.
  std::atomic<int> writing{0};
};

/// Run `work` on the executor, or here where there is none; the future has its answer.
template <typename T, typename Work>
Future<T> RunLater(Executor* executor, Work work) {
  auto out = Future<T>::Make();
  auto run = [out, work = std::move(work)]() mutable { out.MarkFinished(work()); };
  if (executor == nullptr) {
    run();
  } else {
    executor->Submit(std::move(run));
  }
  return out;
}

}  // namespace millrace::files
