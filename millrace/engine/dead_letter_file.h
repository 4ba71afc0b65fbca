// Dead letters as NDJSON: one object a row that was set aside.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "millrace/io/file_system.h"
#include "millrace/runtime/scan.h"

namespace millrace::engine {

/// Written under a temporary name while the job runs, published by Publish; an
/// unpublished one is removed. Thread-safe.
class DeadLetterFile final : public runtime::DeadLetterOffice {
 public:
  DeadLetterFile(std::shared_ptr<io::FileSystem> files, std::string path);
  ~DeadLetterFile() override;
  Status Take(std::span<const data::DeadLetter> letters) override;
  /// Sync and give the file its name. Nothing happens when there was no letter. Only a
  /// file of dead letters is ever replaced.
  Status Publish();
  const std::string& path() const { return path_; }

 private:
  Status CheckReplaced() const;
  const std::shared_ptr<io::FileSystem> files_;
  const std::string path_;
  const std::string temporary_;
  std::mutex mutex_;
  std::unique_ptr<io::WritableFile> file_;
};

}  // namespace millrace::engine
