// PositionedFile: what every file that is read by ReadAt has besides.
#pragma once

#include <memory>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/base/result.h"

namespace millrace::io {

/// Arrow's files have a position, too; only one thread at a time may use that. Closing
/// does nothing: others may read the file. Heirs give GetSize and both forms of ReadAt.
class PositionedFile : public arrow::io::RandomAccessFile {
 public:
  using arrow::io::RandomAccessFile::ReadAt;

  Status Close() override { return Status::OK(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return position_; }
  Status Seek(int64_t position) override {
    position_ = position;
    return Status::OK();
  }
  Result<int64_t> Read(int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position_, size, out));
    position_ += got;
    return got;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, size));
    position_ += buffer->size();
    return buffer;
  }

 private:
  int64_t position_ = 0;
};

}  // namespace millrace::io
