// ArrayAppender: a file that is one JSON array, from pieces of its elements.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/format.h"

namespace millrace::formats::json {

/// Every piece begins with the comma that parts it from what stands before; the first
/// piece of a file gives it up for the opening bracket.
class ArrayAppender final : public FileAppender {
 public:
  /// `appending`: the file holds an array without its closing bracket. One that holds
  /// nothing will be a piece of another file, and gets no brackets.
  ArrayAppender(io::WritableFile& file, bool appending, arrow::MemoryPool* pool)
      : file_(file),
        is_piece_(appending && file.position() == 0),
        begun_(appending),
        pool_(pool) {}

  Status Append(const data::EncodedRows& rows) override {
    const int64_t from = begun_ ? 0 : 1;
    ARROW_RETURN_NOT_OK(Begin());
    return file_.Write(rows.bytes->data() + from, rows.bytes->size() - from);
  }
  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, piece->GetSize());
    if (size == 0) return Status::OK();
    const int64_t from = begun_ ? 0 : 1;
    ARROW_RETURN_NOT_OK(Begin());
    return CopyBytes(*piece, from, size, file_, pool_);
  }
  Status Finish() override {
    if (is_piece_) return Status::OK();
    ARROW_RETURN_NOT_OK(Begin());
    return file_.Write("\n]\n", 3);
  }

 private:
  Status Begin() {
    if (begun_) return Status::OK();
    begun_ = true;
    return file_.Write("[", 1);
  }

  io::WritableFile& file_;
  const bool is_piece_;
  bool begun_;  // the opening bracket is there, or is none of ours
  arrow::MemoryPool* const pool_;
};

}  // namespace millrace::formats::json
