// PooledFile: a file whose buffers come from the pipeline's pool, for libraries that let
// the file allocate.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include <arrow/buffer.h>

#include "millrace/io/positioned_file.h"

namespace millrace::io {

/// ReadAt is thread-safe where that of `file` is.
class PooledFile final : public PositionedFile {
 public:
  PooledFile(std::shared_ptr<arrow::io::RandomAccessFile> file, arrow::MemoryPool* pool)
      : file_(std::move(file)), pool_(pool) {}

  Result<int64_t> GetSize() override { return file_->GetSize(); }
  Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    return file_->ReadAt(position, size, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    // A damaged file may ask for any size: nothing is allocated for what is not there.
    ARROW_ASSIGN_OR_RAISE(const int64_t end, file_->GetSize());
    if (size < 0 || position < 0 || position > end) {
      return Status::Invalid("a read outside of the file");
    }
    size = std::min(size, end - position);
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          file_->ReadAt(position, size, buffer->mutable_data()));
    if (got < size) ARROW_RETURN_NOT_OK(buffer->Resize(got, /*shrink_to_fit=*/false));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  arrow::MemoryPool* const pool_;
};

}  // namespace millrace::io
