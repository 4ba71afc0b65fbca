#include "millrace/formats/copy_bytes.h"

#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/io/errors.h"

namespace millrace::formats {

namespace {
constexpr int64_t kPieceBytes = 4 << 20;
}

Status CopyBytes(arrow::io::RandomAccessFile& from, int64_t begin, int64_t end,
                 io::WritableFile& to, arrow::MemoryPool* pool) {
  if (begin >= end) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateBuffer(std::min(kPieceBytes, end - begin), pool));
  while (begin < end) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          from.ReadAt(begin, std::min(buffer->size(), end - begin),
                                      buffer->mutable_data()));
    if (got == 0) {
      return errors::kFileIo.Make({.byte = begin}, "the file has become shorter");
    }
    ARROW_RETURN_NOT_OK(to.Write(buffer->data(), got));
    begin += got;
  }
  return Status::OK();
}

}  // namespace millrace::formats
