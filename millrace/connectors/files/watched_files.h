// WatchedFiles: the files of a path that is watched, through growth, renaming and
// deletion.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/ids.h"
#include "millrace/connector/registry.h"
#include "millrace/connectors/files/file_mark.h"
#include "millrace/connectors/files/folder_notices.h"
#include "millrace/connectors/files/options.h"

namespace millrace::files {

/// One file. Shared by the search and the file's reader. Thread-safe.
class WatchedFile {
 public:
  /// `born`: when it was made, 0 when that is not known.
  WatchedFile(FileIdentity identity, int64_t born, std::string path, FileMark mark)
      : identity_(identity), path_(std::move(path)), mark_(mark), born_(born) {}

  const FileIdentity& identity() const { return identity_; }
  int64_t born() const;
  /// May `info` be this file?
  bool MayBe(const io::FileInfo& info) const;
  std::string path() const;
  FileMark mark() const;
  void SetMark(const FileMark& mark);
  bool gone() const;
  /// The reader looks again when the file has changed; only the latest waker counts.
  void WakeOnChange(const Waker& waker);

  void Wake();
  void Moved(std::string path);
  void Gone();
  /// Is that another state than the last scan found?
  bool IsNews(int64_t size, int64_t modified_micros) const;
  /// What a scan found; wakes when it is news.
  void Found(const io::FileInfo& info);

  SplitId split{-1};      ///< the coordinator's; −1: not told yet
  bool finished = false;  ///< the coordinator's: an earlier run read all of it
  int missed = 0;         ///< the scan's: how often it was not found

 private:
  const FileIdentity identity_;
  mutable std::mutex mutex_;
  std::string path_;
  FileMark mark_;
  int64_t born_;
  bool gone_ = false;
  int64_t size_ = -1, modified_micros_ = -1;
  Waker waker_;
};
using WatchedFilePtr = std::shared_ptr<WatchedFile>;

/// Opens the file that `info` names, null when another has come to its place since.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenIdentified(
    io::FileSystem& files, const io::FileInfo& info);

/// Looks for files, by notices and by polling on the executor. Thread-safe; lives in
/// shared pointers, since a poll may be under way when everybody else has gone.
class WatchedFiles : public std::enable_shared_from_this<WatchedFiles> {
 public:
  WatchedFiles(const Parsed& options, connector::Surroundings surroundings);
  /// Begin to look by itself.
  void Start();
  /// No more looking. Waits for a notice that is being told.
  void Stop();

  /// A file that an earlier run knew.
  void Add(WatchedFilePtr file);
  /// Look now.
  Status Scan();
  /// Would a scan find a file at `path`?
  bool WouldFind(const std::string& path) const;
  /// Files that were found since the last call, in the order of their names.
  Result<std::vector<WatchedFilePtr>> TakeFresh();
  /// Every file that is still there.
  std::vector<WatchedFilePtr> all() const;
  void WakeOnFresh(Waker waker);
  /// Something of what DiscoveryState tells has changed.
  void WakeFinder();
  /// Look soon, on the executor.
  void ScanLater();

 private:
  Status ScanNow();
  Status Follow(const std::vector<io::FileInfo>& found);
  enum class Same { kYes, kNo, kUnknown };
  Result<Same> IsSame(const WatchedFile& file, const io::FileInfo& info);
  void ScanSoon(int64_t nanos);
  void WatchFolders(const std::vector<io::FileInfo>& found);
  void ContentsChanged(const std::string& path);
  void PollLater();

  const std::string path_;
  const FormatPtr format_;
  const connector::Surroundings surroundings_;
  const int64_t poll_nanos_;
  const bool notify_;

  std::mutex scanning_;  // held while the disk is looked at
  mutable std::mutex mutex_;
  std::map<FileIdentity, WatchedFilePtr> files_;
  std::map<std::string, WatchedFilePtr> by_path_;
  std::vector<WatchedFilePtr> fresh_;
  Status error_;
  Waker waker_;
  bool scheduled_ = false;
  bool stopped_ = false;
  bool noticed_ = false;  // the system tells all folders' changes
  std::unique_ptr<FolderNotices> notices_;
};

}  // namespace millrace::files
