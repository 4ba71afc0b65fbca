#include "millrace/connectors/files/file_mark.h"

#include <algorithm>

#include <arrow/io/interfaces.h>
#include <xxhash.h>

namespace millrace::files {

Result<FileMark> MarkOf(arrow::io::RandomAccessFile& file, int64_t size) {
  char head[FileMark::kMostBytes];
  ARROW_ASSIGN_OR_RAISE(const int64_t got,
                        file.ReadAt(0, std::min(size, FileMark::kMostBytes), head));
  return FileMark{got, XXH3_64bits(head, static_cast<size_t>(got))};
}

Result<bool> Bears(arrow::io::RandomAccessFile& file, int64_t size,
                   const FileMark& mark) {
  if (size < mark.size) return false;
  if (mark.size == 0) return true;
  ARROW_ASSIGN_OR_RAISE(const FileMark now, MarkOf(file, mark.size));
  return now.size == mark.size && now.hash == mark.hash;
}

}  // namespace millrace::files
