// Dead letters as NDJSON: one object a row that was set aside.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "millrace/engine/dead_letters.h"
#include "millrace/io/file_system.h"

namespace millrace::engine {

/// Written under a temporary name until the first Sync gives the file its own; what was
/// never synced is removed. Nothing happens when there is no letter. Only a file of dead
/// letters is ever replaced, and none that somebody else works with (a replay, another
/// pipeline): it is locked.
class DeadLetterFile final : public DeadLetterStore {
 public:
  /// `continues`: the letters that the file holds already stay, for a run that goes on
  /// after another.
  DeadLetterFile(std::shared_ptr<io::FileSystem> files, std::string path, bool continues);
  ~DeadLetterFile() override;
  Status Add(const std::vector<DeadLetterRecord>& letters) override;
  Status Sync(bool last) override;
  std::string place() const override { return path_; }

 private:
  Status Lock();
  Status CheckReplaced() const;
  Status Open();
  Status Append(const std::string& text);
  const std::shared_ptr<io::FileSystem> files_;
  const std::string path_;
  const std::string temporary_;
  const bool continues_;
  bool named_ = false;  // the open file has its final name
  std::mutex mutex_;    // between Add and Sync
  std::unique_ptr<io::WritableFile> file_;
  std::shared_ptr<void> lock_;  // of path_, once that exists
};

/// Nobody else may change the letters in `path`, which exists, while the answer is held;
/// errors::kLettersTaken when somebody does.
Result<std::shared_ptr<void>> LockDeadLetters(io::FileSystem& files,
                                              const std::string& path);

/// The letters of `path` are `letters` from now on, also after a crash; without letters
/// the file is removed. The caller holds its lock.
Status ReplaceDeadLetters(io::FileSystem& files, const std::string& path,
                          const std::vector<DeadLetterRecord>& letters);

}  // namespace millrace::engine
