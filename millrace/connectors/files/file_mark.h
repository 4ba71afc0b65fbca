// FileMark: what tells that a file is still the one that it was.
#pragma once

#include <compare>
#include <cstdint>

#include <arrow/io/type_fwd.h>

#include "millrace/io/file_system.h"

namespace millrace::files {

/// The file under whatever name, until it is deleted; then its number is given to others.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  auto operator<=>(const FileIdentity&) const = default;
};
inline FileIdentity IdentityOf(const io::FileInfo& info) {
  return {info.device, info.inode};
}

/// A hash of the file's first bytes, which stay as they are while the file grows.
struct FileMark {
  static constexpr int64_t kMostBytes = 256;
  int64_t size = 0;  ///< how many bytes; 0: nothing is known
  uint64_t hash = 0;
};

/// The mark of a file of `size` bytes.
Result<FileMark> MarkOf(arrow::io::RandomAccessFile& file, int64_t size);
/// Does a file of `size` bytes begin as `mark` says?
Result<bool> Bears(arrow::io::RandomAccessFile& file, int64_t size, const FileMark& mark);

}  // namespace millrace::files
