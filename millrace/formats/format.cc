#include "millrace/formats/format.h"

#include <arrow/io/interfaces.h>

namespace millrace::formats {

Status FileWriter::AppendPieces() {
  for (const data::EncodedRows& piece : pieces_) {
    ARROW_RETURN_NOT_OK(appender_->Append(piece));
  }
  pieces_.clear();
  return Status::OK();
}

Status FileWriter::Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
  ARROW_RETURN_NOT_OK(encoder_->Encode(rows, &pieces_));
  return AppendPieces();
}

Status FileWriter::Append(const data::EncodedRows& rows) {
  // Rows that were written before stand before.
  ARROW_RETURN_NOT_OK(Flush());
  return appender_->Append(rows);
}

Status FileWriter::Flush() {
  ARROW_RETURN_NOT_OK(encoder_->Flush(&pieces_));
  return AppendPieces();
}

Status FileWriter::Finish() {
  ARROW_RETURN_NOT_OK(Flush());
  return appender_->Finish();
}

Status Format::EndLastRecord(const std::shared_ptr<arrow::io::RandomAccessFile>& existing,
                             const Config&, io::WritableFile& to, const Context&) const {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, existing->GetSize());
  char last = '\n';
  ARROW_RETURN_NOT_OK(existing->ReadAt(size - 1, 1, &last).status());
  return last == '\n' ? Status::OK() : to.Write("\n", 1);
}

Result<std::unique_ptr<FileWriter>> Format::OpenWriter(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, bool appending,
    const Context& context) const {
  ARROW_ASSIGN_OR_RAISE(auto encoder, MakeEncoder(options, schema, context));
  ARROW_ASSIGN_OR_RAISE(auto appender,
                        OpenAppender(file, options, schema, appending, context));
  return std::make_unique<FileWriter>(std::move(encoder), std::move(appender));
}

}  // namespace millrace::formats
