#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <arrow/buffer.h>

#include "millrace/base/failpoint.h"
#include "millrace/io/errors.h"
#include "millrace/io/file_system.h"
#include "millrace/io/positioned_file.h"

namespace millrace::io {

namespace {

Status FromErrno(const ErrorSpec& spec, const std::string& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return (full ? errors::kDiskFull : spec)
      .Make({.file = path}, "{}", std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Reads with pread: safe from several threads, no shared position, no mapping whose tail
// could fault when the file is cut short by somebody else.
class LocalRandomAccessFile final : public PositionedFile {
 public:
  LocalRandomAccessFile(std::string path, int fd, int64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~LocalRandomAccessFile() override = default;

  Result<int64_t> GetSize() override { return size_; }

  Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    int64_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(fd_.get(), static_cast<char*>(out) + done,
                                  static_cast<size_t>(size - done), position + done);
      if (got < 0) {
        if (errno == EINTR) continue;
        return FromErrno(errors::kFileIo, path_, errno);
      }
      if (got == 0) break;
      done += got;
    }
    return done;
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size));
    ARROW_ASSIGN_OR_RAISE(int64_t got, ReadAt(position, size, buffer->mutable_data()));
    if (got < size) ARROW_RETURN_NOT_OK(buffer->Resize(got, false));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  const std::string path_;
  Descriptor fd_;
  const int64_t size_;
};

class LocalWritableFile final : public WritableFile {
 public:
  LocalWritableFile(std::string path, int fd, int64_t position)
      : path_(std::move(path)), fd_(fd), position_(position) {}

  Status Write(const void* data, int64_t size) override {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t put = ::write(fd_.get(), bytes, static_cast<size_t>(size));
      if (put < 0) {
        if (errno == EINTR) continue;
        return FromErrno(errors::kFileIo, path_, errno);
      }
      bytes += put;
      size -= put;
      position_ += put;
    }
    // The disk begins to write while we go on computing: the sync at the end then waits
    // for the last piece instead of for all.
    if (position_ - started_ >= kWritebackBytes) {
      (void)::sync_file_range(fd_.get(), started_, position_ - started_,
                              SYNC_FILE_RANGE_WRITE);
      started_ = position_;
    }
    return Status::OK();
  }
  Status Sync() override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("io.sync"));
    // Pipes and terminals have nothing to sync.
    if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS) {
      return FromErrno(errors::kFileIo, path_, errno);
    }
    return failpoint::Reach("io.sync.done");
  }
  Status Close() override {
    const int fd = fd_.Release();
    if (fd >= 0 && ::close(fd) != 0) return FromErrno(errors::kFileIo, path_, errno);
    return Status::OK();
  }
  int64_t position() const override { return position_; }

 private:
  static constexpr int64_t kWritebackBytes = 8 << 20;
  const std::string path_;
  Descriptor fd_;
  int64_t position_;
  int64_t started_ = 0;  // bytes whose way to the disk has begun
};

int64_t Micros(const struct statx_timestamp& time) {
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

// False with errno as stat leaves it. Links are followed.
bool InfoOf(const std::string& path, FileInfo* info) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_SYNC_AS_STAT,
              STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    return false;
  }
  info->path = path;
  info->directory = S_ISDIR(found.stx_mode);
  info->seekable = S_ISREG(found.stx_mode);
  info->size = info->seekable ? static_cast<int64_t>(found.stx_size) : -1;
  info->device = makedev(found.stx_dev_major, found.stx_dev_minor);
  info->inode = found.stx_ino;
  info->modified_micros = Micros(found.stx_mtime);
  if ((found.stx_mask & STATX_BTIME) != 0) info->born_micros = Micros(found.stx_btime);
  return true;
}

class LocalFileSystem final : public FileSystem {
 public:
  Result<FileInfo> Stat(const std::string& path) override {
    FileInfo info;
    if (!InfoOf(path, &info)) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      return FromErrno(absent ? errors::kFileNotFound : errors::kFileUnreadable, path,
                       errno);
    }
    return info;
  }

  bool Exists(const std::string& path) override {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0;
  }

  Result<std::vector<FileInfo>> List(const std::string& directory) override {
    std::error_code error;
    std::vector<FileInfo> out;
    const std::string& place = directory.empty() ? kHere : directory;
    for (auto entry = std::filesystem::directory_iterator(place, error);
         !error && entry != std::filesystem::directory_iterator();
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const std::string path =
          directory.empty() ? name : (std::filesystem::path(directory) / name).string();
      FileInfo info;
      if (!InfoOf(path, &info)) continue;  // removed meanwhile, or a dangling link
      out.push_back(std::move(info));
    }
    if (error) {
      const bool absent = error.value() == ENOENT || error.value() == ENOTDIR;
      return FromErrno(absent ? errors::kFileNotFound : errors::kFileUnreadable, place,
                       error.value());
    }
    std::sort(out.begin(), out.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return out;
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      return FromErrno(absent ? errors::kFileNotFound : errors::kFileUnreadable, path,
                       errno);
    }
    Descriptor descriptor(fd);
    struct stat found {};
    if (::fstat(fd, &found) != 0) return FromErrno(errors::kFileUnreadable, path, errno);
    if (S_ISDIR(found.st_mode)) return FromErrno(errors::kFileUnreadable, path, EISDIR);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_shared<LocalRandomAccessFile>(path, descriptor.Release(),
                                                   found.st_size);
  }

  Result<std::unique_ptr<WritableFile>> OpenWrite(const std::string& path) override {
    return Open(path, O_TRUNC);
  }

  Result<std::string> Resolve(const std::string& path) override {
    std::error_code error;
    if (!std::filesystem::is_symlink(path, error)) return path;
    const auto real = std::filesystem::weakly_canonical(path, error);
    if (error) return FromErrno(errors::kFileUnwritable, path, error.value());
    return real.string();
  }

  Status CheckWritable(const std::string& directory) override {
    std::filesystem::path place = directory.empty() ? kHere : directory;
    std::error_code error;
    while (!std::filesystem::exists(place, error)) {
      const std::filesystem::path parent =
          place.has_parent_path() ? place.parent_path() : std::filesystem::path(kHere);
      if (parent == place) break;
      place = parent;
    }
    if (::access(place.c_str(), W_OK | X_OK) != 0) {
      return FromErrno(errors::kFileUnwritable, place.string(), errno);
    }
    return Status::OK();
  }

  Status CopyPermissions(const std::string& from, const std::string& to) override {
    struct stat found {};
    if (::stat(from.c_str(), &found) != 0)
      return FromErrno(errors::kFileUnreadable, from, errno);
    // Only root may give files away; for others they are theirs already.
    (void)::chown(to.c_str(), found.st_uid, found.st_gid);
    if (::chmod(to.c_str(), found.st_mode & 07777) != 0)
      return FromErrno(errors::kFileUnwritable, to, errno);
    return Status::OK();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("io.rename"));
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return FromErrno(errors::kFileUnwritable, to, errno);
    }
    return failpoint::Reach("io.rename.done");
  }
  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return FromErrno(errors::kFileUnwritable, path, errno);
    }
    return Status::OK();
  }
  Status RemoveDirectory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
      return FromErrno(errors::kFileUnwritable, path, errno);
    }
    return Status::OK();
  }
  Status CreateDirectories(const std::string& path) override {
    std::error_code error;
    if (!path.empty()) std::filesystem::create_directories(path, error);
    if (error) return FromErrno(errors::kFileUnwritable, path, error.value());
    return Status::OK();
  }

  Status SyncDirectory(const std::string& directory) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("io.sync_directory"));
    const std::string& place = directory.empty() ? kHere : directory;
    Descriptor descriptor(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return FromErrno(errors::kFileIo, place, errno);
    if (::fsync(descriptor.get()) != 0 && errno != EINVAL) {
      return FromErrno(errors::kFileIo, place, errno);
    }
    return Status::OK();
  }

  Result<std::shared_ptr<void>> TryLock(const std::string& path) override {
    for (;;) {
      Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
      if (descriptor.get() < 0) return FromErrno(errors::kFileUnwritable, path, errno);
      if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::shared_ptr<void>();
        return FromErrno(errors::kFileIo, path, errno);
      }
      // The owner before us may have unlinked the file between our open and our lock:
      // then we hold a lock on nothing.
      struct stat held {
      }, named{};
      if (::fstat(descriptor.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 ||
          held.st_ino != named.st_ino) {
        continue;
      }
      return std::shared_ptr<void>(std::make_shared<Descriptor>(descriptor.Release()));
    }
  }

 private:
  inline static const std::string kHere = ".";

  Result<std::unique_ptr<WritableFile>> Open(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    if (fd < 0) return FromErrno(errors::kFileUnwritable, path, errno);
    return std::make_unique<LocalWritableFile>(path, fd, 0);
  }
};

}  // namespace

std::shared_ptr<FileSystem> MakeLocalFileSystem() {
  return std::make_shared<LocalFileSystem>();
}

}  // namespace millrace::io
