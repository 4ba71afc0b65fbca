// TextAppender: a file of text is its pieces of text, one after another.
#pragma once

#include <string>
#include <utility>

#include <arrow/buffer.h>

#include "millrace/formats/format.h"

namespace millrace::formats {

class TextAppender final : public FileAppender {
 public:
  /// `header` stands before the rows, once.
  TextAppender(io::WritableFile& file, std::string header)
      : file_(file), header_(std::move(header)) {}

  Status Append(const data::EncodedRows& rows) override {
    ARROW_RETURN_NOT_OK(WriteHeader());
    return file_.Write(rows.bytes->data(), rows.bytes->size());
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
};

}  // namespace millrace::formats
