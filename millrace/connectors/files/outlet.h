// Outlet: standard output or error, a named pipe or a device, written without ever
// waiting for whoever reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/result.h"

namespace millrace::files {

/// Used by one thread at a time.
class Outlet {
 public:
  enum class Standard { kOutput, kError };
  explicit Outlet(Standard standard);
  /// `path`, once Open has succeeded.
  explicit Outlet(std::string path) : path_(std::move(path)), name_(path_) {}
  ~Outlet();
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  /// Answers false while nobody has opened the pipe to read. Never waits for that. Fails
  /// with kFileUnwritable.
  Result<bool> Open();
  bool is_open() const { return fd_ >= 0; }
  /// How many of `size` bytes (at least 1) went out; 0 when there was no room for
  /// `millis`, which may be 0. Fails with kReaderGone, kDiskFull or kFileIo.
  Result<int64_t> Write(const void* data, int64_t size, int millis);
  const std::string& name() const { return name_; }

 private:
  enum class Way { kNonBlocking, kSocket, kFile, kPieces };
  void Take(int standard_fd);

  const std::string path_;  // empty: standard output or error
  const std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  Way way_ = Way::kNonBlocking;
};

}  // namespace millrace::files
