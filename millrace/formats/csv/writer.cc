#include "millrace/formats/csv/writer.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/csv/column_writer.h"
#include "millrace/formats/csv/errors.h"

namespace millrace::formats::csv {

namespace {

constexpr int64_t kWritePiece = 1024 * 1024;

class CsvFileWriter final : public FileWriter {
 public:
  CsvFileWriter(io::WritableFile& file, WriteDialect dialect,
                std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : file_(file),
        dialect_(std::move(dialect)),
        schema_(std::move(schema)),
        pool_(pool) {
    columns_.reserve(static_cast<size_t>(schema_->num_fields()));
    for (const auto& field : schema_->fields())
      columns_.emplace_back(field, dialect_, pool);
  }

  Status WriteHeader() {
    const TextQuoter quoter(dialect_);
    ARROW_RETURN_NOT_OK(Reserve(0));
    for (const auto& field : schema_->fields()) {
      const std::string& name = field->name();
      ARROW_RETURN_NOT_OK(
          Reserve(TextQuoter::MostBytes(static_cast<int64_t>(name.size()))));
      char* begin = text() + size_;
      char* end = quoter.Write(begin, name);
      if (end == nullptr) {
        return errors::kCsvUnrepresentable.Make({.column = name}, "its name; {}",
                                                errors::kCsvUnrepresentable.remedy);
      }
      *end++ = dialect_.delimiter;
      size_ += end - begin;
    }
    EndLine();
    return Status::OK();
  }

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    if (columns_.empty()) return Status::OK();
    for (size_t c = 0; c < columns_.size(); ++c) {
      ARROW_RETURN_NOT_OK(columns_[c].Bind(rows->column(static_cast<int>(c))));
    }
    const int64_t fixed = RowBytes();
    ARROW_RETURN_NOT_OK(Reserve(fixed));
    const char delimiter = dialect_.delimiter;
    const size_t line_end = dialect_.line_end.size();
    char* d = text() + size_;
    // Up to here a row without long strings may begin.
    char* limit = text() + text_->size() - fixed;
    for (int64_t i = 0, n = rows->num_rows(); i < n; ++i) {
      if (d > limit) [[unlikely]] {
        size_ = d - text();
        ARROW_RETURN_NOT_OK(Flush());
        d = text();
      }
      for (ColumnWriter& column : columns_) {
        if (column.may_be_long()) {
          if (const int64_t size = column.Size(i); size > 32) [[unlikely]] {
            size_ = d - text();
            ARROW_RETURN_NOT_OK(Reserve(fixed + TextQuoter::MostBytes(size)));
            d = text() + size_;
            limit = text() + text_->size() - fixed;
          }
        }
        d = column.Write(d, i);
        if (d == nullptr) [[unlikely]]
          return Unrepresentable(column, i);
        *d++ = delimiter;
      }
      memcpy(d - 1, dialect_.line_end.data(), line_end);
      d += line_end - 1;
    }
    size_ = d - text();
    written_ += rows->num_rows();
    return Status::OK();
  }

  Status Finish() override { return Flush(); }
  int64_t buffered_bytes() const override { return size_; }

 private:
  char* text() { return reinterpret_cast<char*>(text_->mutable_data()); }

  int64_t RowBytes() const {
    return static_cast<int64_t>(columns_.size() + 1) *
           (ColumnWriter::kMostBytes + static_cast<int64_t>(dialect_.null.size()));
  }

  // Room for `bytes` after what is buffered.
  Status Reserve(int64_t bytes) {
    if (!text_) {
      ARROW_ASSIGN_OR_RAISE(
          text_, arrow::AllocateResizableBuffer(kWritePiece + RowBytes() + bytes, pool_));
    }
    if (text_->size() - size_ >= bytes) return Status::OK();
    return text_->Resize(std::max(size_ + bytes, text_->size() * 2));
  }

  Status Flush() {
    if (size_ == 0) return Status::OK();
    ARROW_RETURN_NOT_OK(file_.Write(text(), size_));
    size_ = 0;
    return Status::OK();
  }

  // The delimiter after the last field makes way for the line end.
  void EndLine() {
    if (columns_.empty()) return;
    --size_;
    memcpy(text() + size_, dialect_.line_end.data(), dialect_.line_end.size());
    size_ += static_cast<int64_t>(dialect_.line_end.size());
  }

  Status Unrepresentable(const ColumnWriter& column, int64_t row) const {
    return errors::kCsvUnrepresentable.Make(
        {.row = written_ + row + 1, .column = column.name()},
        "a text with special bytes and neither quotes nor an escape, or a date outside "
        "the years 0000 to 9999; {}",
        errors::kCsvUnrepresentable.remedy);
  }

  io::WritableFile& file_;
  const WriteDialect dialect_;
  std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* pool_;
  std::vector<ColumnWriter> columns_;
  std::unique_ptr<arrow::ResizableBuffer> text_;
  int64_t size_ = 0;
  int64_t written_ = 0;  // rows
};

}  // namespace

Result<std::unique_ptr<FileWriter>> MakeWriter(
    io::WritableFile& file, WriteDialect dialect,
    const std::shared_ptr<arrow::Schema>& schema, bool appending,
    const Context& context) {
  const bool header = dialect.header && !appending;
  auto writer =
      std::make_unique<CsvFileWriter>(file, std::move(dialect), schema, context.pool);
  if (header) ARROW_RETURN_NOT_OK(writer->WriteHeader());
  return writer;
}

}  // namespace millrace::formats::csv
