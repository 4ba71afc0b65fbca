// A file system whose disk fails: what a check injects below a connector.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "millrace/connector/testkit/passing_files.h"
#include "millrace/io/errors.h"

namespace millrace::connector::testkit {

/// Passes everything on until the n-th change of the disk. Owned by shared pointers.
/// Thread-safe.
class FaultyFiles final : public PassingFiles,
                          public std::enable_shared_from_this<FaultyFiles> {
 public:
  enum class Fault {
    kOnce,  ///< that change fails, later ones do not
    kDone,  ///< the same, though that change has happened
    kFull,  ///< from there on nothing is made or written, though names change and go
    kDead,  ///< nothing changes any more: the disk is left as a killed process leaves it
  };
  FaultyFiles(std::shared_ptr<io::FileSystem> files, int64_t fail_at, Fault fault)
      : PassingFiles(std::move(files)), left_(fail_at), fault_(fault) {}
  /// From here on nothing changes any more.
  void Kill() {
    killed_ = true;
    left_ = -1;
  }
  /// Count anew: the n-th change from here fails.
  void FailAfter(int64_t changes) { left_ = changes; }
  /// Has the fault been met?
  bool met() const { return left_ < 0; }

  Result<std::unique_ptr<io::WritableFile>> OpenWrite(const std::string& path) override {
    ARROW_RETURN_NOT_OK(Change(kTakesRoom));
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenWrite(path));
    return std::make_unique<File>(std::move(file), shared_from_this());
  }
  Status CopyPermissions(const std::string& from, const std::string& to) override {
    return Change([&] { return files_->CopyPermissions(from, to); });
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return Change([&] { return files_->Rename(from, to); });
  }
  Status Remove(const std::string& path) override {
    return Change([&] { return files_->Remove(path); });
  }
  Status RemoveDirectory(const std::string& path) override {
    return Change([&] { return files_->RemoveDirectory(path); });
  }
  Status CreateDirectories(const std::string& path) override {
    return Change([&] { return files_->CreateDirectories(path); }, kTakesRoom);
  }
  Status SyncDirectory(const std::string& directory) override {
    // Counted only: no machine crashes here, and waiting for the disk takes minutes.
    return Change();
  }
  Result<std::shared_ptr<void>> TryLock(const std::string& path) override {
    ARROW_RETURN_NOT_OK(Change(kTakesRoom));
    return files_->TryLock(path);
  }

 private:
  class File final : public io::WritableFile {
   public:
    File(std::unique_ptr<io::WritableFile> file, std::shared_ptr<FaultyFiles> owner)
        : file_(std::move(file)), owner_(std::move(owner)) {}
    Status Write(const void* data, int64_t size) override {
      return owner_->Change([&] { return file_->Write(data, size); }, kTakesRoom);
    }
    Status Sync() override { return owner_->Change(kTakesRoom); }
    Status Close() override { return file_->Close(); }
    int64_t position() const override { return file_->position(); }

   private:
    const std::unique_ptr<io::WritableFile> file_;
    // A file may be synced after everyone else has let go of the file system.
    const std::shared_ptr<FaultyFiles> owner_;
  };

  static constexpr bool kTakesRoom = true;

  template <typename Work>
  Status Change(Work work, bool takes_room = false) {
    const Status change = Change(takes_room);
    if (change.ok() || (fault_ == Fault::kDone && !killed_)) {
      ARROW_RETURN_NOT_OK(work());
    }
    return change;
  }
  Status Change(bool takes_room = false) {
    if (fault_ == Fault::kFull && !takes_room && !killed_) return Status::OK();
    const int64_t left = left_--;
    if (left == 0 ||
        (left < 0 && (killed_ || fault_ == Fault::kDead || fault_ == Fault::kFull))) {
      return errors::kDiskFull.Make({}, "injected");
    }
    return Status::OK();
  }

  std::atomic<int64_t> left_;
  std::atomic<bool> killed_{false};
  const Fault fault_;
};

}  // namespace millrace::connector::testkit
