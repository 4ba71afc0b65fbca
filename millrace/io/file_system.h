// FileSystem: the files that the engine reads and writes, behind an interface so that a
// test can inject faults.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/io/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::io {

struct FileInfo {
  std::string path;
  int64_t size = 0;  ///< bytes; -1 when it is not known (a pipe)
  int64_t modified_micros = 0;
  bool directory = false;
  bool seekable = true;  ///< false for pipes and devices
  /// Together they name the file itself, under whatever path; 0 where nothing does.
  uint64_t device = 0;
  uint64_t inode = 0;
  /// When the file itself was made: tells it from an earlier one that had the same inode.
  /// 0 where the file system does not keep it.
  int64_t born_micros = 0;
  /// Names the content, where the file system does so (an ETag); empty otherwise.
  std::string version;
};

/// A file being written. Owned and used by one thread at a time.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Append all of `size` bytes. A full disk fails with errors::kDiskFull.
  virtual Status Write(const void* data, int64_t size) = 0;
  /// Make everything written so far survive a crash of the machine.
  virtual Status Sync() = 0;
  virtual Status Close() = 0;
  virtual int64_t position() const = 0;
};

/// Thread-safe. Paths are plain paths of this file system.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Fails with kFileNotFound or kFileUnreadable.
  virtual Result<FileInfo> Stat(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  /// Entries of one directory, names sorted bytewise, "." and ".." left out.
  virtual Result<std::vector<FileInfo>> List(const std::string& directory) = 0;

  /// Random-access reads. The file is safe to read from several threads through ReadAt.
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) = 0;
  /// Create or truncate.
  virtual Result<std::unique_ptr<WritableFile>> OpenWrite(const std::string& path) = 0;

  /// The path that `path` leads to through symbolic links; the parts that do not exist
  /// stay as they are.
  virtual Result<std::string> Resolve(const std::string& path) = 0;
  /// Can names be made in `directory`, or, where it does not exist, it itself? Fails with
  /// kFileUnwritable.
  virtual Status CheckWritable(const std::string& directory) = 0;
  /// Give `to` the mode and, where we may, the owner of `from`.
  virtual Status CopyPermissions(const std::string& from, const std::string& to) = 0;

  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status RemoveDirectory(const std::string& path) = 0;  ///< must be empty
  virtual Status CreateDirectories(const std::string& path) = 0;
  /// Make the names inside `directory` survive a crash of the machine.
  virtual Status SyncDirectory(const std::string& directory) = 0;

  /// What ExpandPath answers, without its order. Overridden where the whole of a tree is
  /// told at once.
  virtual Result<std::vector<FileInfo>> Expand(const std::string& pattern);

  /// Take an exclusive advisory lock on `path` (created when absent), held until the
  /// handle is destroyed or the process ends. Answers null when another process holds it.
  virtual Result<std::shared_ptr<void>> TryLock(const std::string& path) = 0;
};

/// The machine's own files.
std::shared_ptr<FileSystem> MakeLocalFileSystem();

/// The files that `pattern` names, sorted bytewise: a file, a directory (its files,
/// recursively, names starting with '.' or '_' left out), or a glob with *, ?, [abc],
/// {a,b} and ** for any depth. Fails when nothing matches.
Result<std::vector<FileInfo>> ExpandPath(FileSystem& files, const std::string& pattern);

/// Would ExpandPath(files, pattern) find `path`, if a file were there? The folders that
/// both begin with may lead through symbolic links.
bool WouldExpandTo(FileSystem& files, const std::string& pattern,
                   const std::string& path);

}  // namespace millrace::io
