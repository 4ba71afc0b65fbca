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

/// May two files that bear one number be the same? `born_*`: when each was made, 0 where
/// that is not known.
inline bool BornAlike(int64_t born_a, int64_t born_b) {
  return born_a == 0 || born_b == 0 || born_a == born_b;
}

/// A hash of some bytes of a file, which stay as they are while it grows.
struct FileMark {
  static constexpr int64_t kMostBytes = 4096;
  int64_t size = 0;  ///< how many bytes; 0: nothing is known
  uint64_t hash = 0;
};

/// The mark of the beginning of a file of `size` bytes.
Result<FileMark> MarkOf(arrow::io::RandomAccessFile& file, int64_t size);
/// Does a file of `size` bytes begin as `mark` says?
Result<bool> Bears(arrow::io::RandomAccessFile& file, int64_t size, const FileMark& mark);

/// The mark of the bytes right before `end`: what was read last.
Result<FileMark> MarkBefore(arrow::io::RandomAccessFile& file, int64_t end);
/// Do the bytes before `end` bear `mark`?
Result<bool> BearsBefore(arrow::io::RandomAccessFile& file, int64_t end,
                         const FileMark& mark);

}  // namespace millrace::files
