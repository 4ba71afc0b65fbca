// TextAppender: a file of text is its pieces of text, one after another.
#pragma once

#include <string>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/format.h"

namespace millrace::formats {

class TextAppender final : public FileAppender {
 public:
  /// `header` stands before the rows, once.
  TextAppender(io::WritableFile& file, std::string header, arrow::MemoryPool* pool)
      : file_(file), header_(std::move(header)), pool_(pool) {}

  Status Append(const data::EncodedRows& rows) override {
    ARROW_RETURN_NOT_OK(WriteHeader());
    return file_.Write(rows.bytes->data(), rows.bytes->size());
  }
  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    ARROW_RETURN_NOT_OK(WriteHeader());
    ARROW_ASSIGN_OR_RAISE(const int64_t size, piece->GetSize());
    return CopyBytes(*piece, 0, size, file_, pool_);
  }
  Status Finish() override { return WriteHeader(); }

 private:
  Status WriteHeader() {
    if (header_.empty()) return Status::OK();
    const std::string header = std::exchange(header_, {});
    return file_.Write(header.data(), static_cast<int64_t>(header.size()));
  }

  io::WritableFile& file_;
  std::string header_;
  arrow::MemoryPool* const pool_;
};

}  // namespace millrace::formats
