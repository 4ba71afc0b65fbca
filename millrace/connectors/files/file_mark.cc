#include "millrace/connectors/files/file_mark.h"

#include <algorithm>

#include <arrow/io/interfaces.h>
#include <xxhash.h>

namespace millrace::files {

namespace {

constexpr int64_t kBytesBefore = 256;

Result<FileMark> MarkOfRange(arrow::io::RandomAccessFile& file, int64_t begin,
                             int64_t size) {
  char bytes[FileMark::kMostBytes];
  ARROW_ASSIGN_OR_RAISE(const int64_t got, file.ReadAt(begin, size, bytes));
  return FileMark{got, XXH3_64bits(bytes, static_cast<size_t>(got))};
}

}  // namespace

Result<FileMark> MarkOf(arrow::io::RandomAccessFile& file, int64_t size) {
  return MarkOfRange(file, 0, std::min(size, FileMark::kMostBytes));
}

Result<bool> Bears(arrow::io::RandomAccessFile& file, int64_t size,
                   const FileMark& mark) {
  if (size < mark.size) return false;
  if (mark.size == 0) return true;
  ARROW_ASSIGN_OR_RAISE(const FileMark now, MarkOf(file, mark.size));
  return now.size == mark.size && now.hash == mark.hash;
}

Result<FileMark> MarkBefore(arrow::io::RandomAccessFile& file, int64_t end) {
  const int64_t size = std::min(end, kBytesBefore);
  return MarkOfRange(file, end - size, size);
}

Result<bool> BearsBefore(arrow::io::RandomAccessFile& file, int64_t end,
                         const FileMark& mark) {
  if (mark.size == 0) return true;
  if (end < mark.size) return false;
  ARROW_ASSIGN_OR_RAISE(const FileMark now,
                        MarkOfRange(file, end - mark.size, mark.size));
  return now.size == mark.size && now.hash == mark.hash;
}

}  // namespace millrace::files
