// A file system that passes everything on: what a test derives from to look or to alter.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/io/file_system.h"

namespace millrace::connector::testkit {

/// As thread-safe as what it passes to.
class PassingFiles : public io::FileSystem {
 public:
  explicit PassingFiles(std::shared_ptr<io::FileSystem> files)
      : files_(std::move(files)) {}

  Result<io::FileInfo> Stat(const std::string& path) override {
    return files_->Stat(path);
  }
  bool Exists(const std::string& path) override { return files_->Exists(path); }
  Result<std::vector<io::FileInfo>> List(const std::string& directory) override {
    return files_->List(directory);
  }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) override {
    return files_->OpenRead(path);
  }
  Result<std::unique_ptr<io::WritableFile>> OpenWrite(const std::string& path) override {
    return files_->OpenWrite(path);
  }
  Result<std::string> Resolve(const std::string& path) override {
    return files_->Resolve(path);
  }
  Status CheckWritable(const std::string& directory) override {
    return files_->CheckWritable(directory);
  }
  Status CopyPermissions(const std::string& from, const std::string& to) override {
    return files_->CopyPermissions(from, to);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return files_->Rename(from, to);
  }
  Status Remove(const std::string& path) override { return files_->Remove(path); }
  Status RemoveDirectory(const std::string& path) override {
    return files_->RemoveDirectory(path);
  }
  Status CreateDirectories(const std::string& path) override {
    return files_->CreateDirectories(path);
  }
  Status SyncDirectory(const std::string& directory) override {
    return files_->SyncDirectory(directory);
  }
  Result<std::shared_ptr<void>> TryLock(const std::string& path) override {
    return files_->TryLock(path);
  }

 protected:
  const std::shared_ptr<io::FileSystem> files_;
};

}  // namespace millrace::connector::testkit
