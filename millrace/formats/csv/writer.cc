#include "millrace/formats/csv/writer.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/csv/column_writer.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/input.h"
#include "millrace/formats/value_text.h"

namespace millrace::formats::csv {

namespace {

constexpr int64_t kPiece = 1024 * 1024;

class CsvEncoder final : public data::RowEncoder {
 public:
  CsvEncoder(WriteDialect dialect, const arrow::Schema& schema, arrow::MemoryPool* pool)
      : dialect_(std::move(dialect)), pool_(pool) {
    columns_.reserve(static_cast<size_t>(schema.num_fields()));
    for (const auto& field : schema.fields())
      columns_.emplace_back(field, dialect_, pool);
  }

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    if (columns_.empty()) return Status::OK();
    for (size_t c = 0; c < columns_.size(); ++c) {
      ARROW_RETURN_NOT_OK(columns_[c].Bind(rows->column(static_cast<int>(c))));
    }
    const int64_t fixed = RowBytes();
    ARROW_RETURN_NOT_OK(Reserve(fixed));
    const char delimiter = dialect_.delimiter;
    const size_t line_end = dialect_.line_end.size();
    char* d = text() + size_;
    char* limit = Limit(fixed);
    int64_t counted = 0;
    for (int64_t i = 0, n = rows->num_rows(); i < n; ++i) {
      if (d > limit) [[unlikely]] {
        size_ = d - text();
        rows_ += i - counted;
        counted = i;
        ARROW_RETURN_NOT_OK(Flush(out));
        ARROW_RETURN_NOT_OK(Reserve(fixed));
        d = text();
        limit = Limit(fixed);
      }
      for (ColumnWriter& column : columns_) {
        if (column.may_be_long()) {
          if (const int64_t size = column.Size(i); size > 32) [[unlikely]] {
            size_ = d - text();
            ARROW_RETURN_NOT_OK(Reserve(fixed + TextQuoter::MostBytes(size)));
            d = text() + size_;
            limit = Limit(fixed);
          }
        }
        d = column.Write(d, i);
        if (d == nullptr) [[unlikely]]
          return Unrepresentable(
              column, *rows->column(static_cast<int>(&column - columns_.data())), i);
        *d++ = delimiter;
      }
      memcpy(d - 1, dialect_.line_end.data(), line_end);
      d += line_end - 1;
    }
    size_ = d - text();
    rows_ += rows->num_rows() - counted;
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (size_ == 0) return Status::OK();
    ARROW_RETURN_NOT_OK(text_->Resize(size_, /*shrink_to_fit=*/false));
    out->push_back({std::move(text_), rows_});
    size_ = 0;
    rows_ = 0;
    return Status::OK();
  }
  int64_t buffered_bytes() const override { return size_; }

 private:
  char* text() { return reinterpret_cast<char*>(text_->mutable_data()); }

  int64_t RowBytes() const {
    return static_cast<int64_t>(columns_.size() + 1) *
           (ColumnWriter::kMostBytes + static_cast<int64_t>(dialect_.null.size()));
  }

  // Up to here a row without long strings may begin. A buffer that has grown for long
  // ones holds no more rows for that.
  char* Limit(int64_t fixed) { return text() + std::min(text_->size() - fixed, kPiece); }

  // Room for `bytes` after what is buffered.
  Status Reserve(int64_t bytes) {
    if (!text_) {
      ARROW_ASSIGN_OR_RAISE(
          text_, arrow::AllocateResizableBuffer(kPiece + RowBytes() + bytes, pool_));
    }
    if (text_->size() - size_ >= bytes) return Status::OK();
    return text_->Resize(std::max(size_ + bytes, text_->size() * 2));
  }

  Status Unrepresentable(const ColumnWriter& column, const arrow::Array& values,
                         int64_t row) const {
    return errors::kCsvUnrepresentable.Make(
        {.column = column.name()},
        "{}: a text with special bytes and neither quotes nor an escape, or a date "
        "outside the years 0000 to 9999",
        ValueText(values, row));
  }

  const WriteDialect dialect_;
  arrow::MemoryPool* const pool_;
  std::vector<ColumnWriter> columns_;
  std::unique_ptr<arrow::ResizableBuffer> text_;
  int64_t size_ = 0;  // bytes in text_
  int64_t rows_ = 0;  // rows in text_
};

}  // namespace

Result<std::string> HeaderLine(const WriteDialect& dialect, const arrow::Schema& schema) {
  const TextQuoter quoter(dialect);
  std::string line;
  for (const auto& field : schema.fields()) {
    const std::string& name = field->name();
    if (!line.empty()) line += dialect.delimiter;
    const size_t begin = line.size();
    line.resize(begin + static_cast<size_t>(
                            TextQuoter::MostBytes(static_cast<int64_t>(name.size()))));
    const char* end = quoter.Write(line.data() + begin, name);
    if (end == nullptr) {
      return errors::kCsvUnrepresentable.Make({.column = name}, "its name");
    }
    line.resize(static_cast<size_t>(end - line.data()));
  }
  if (schema.num_fields() > 0) line += dialect.line_end;
  return line;
}

Status CheckHeader(std::string_view head, WriteDialect dialect,
                   const arrow::Schema& schema) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const size_t end = head.find('\n');
  const std::string_view line = head.substr(0, end == head.npos ? head.npos : end + 1);
  ARROW_ASSIGN_OR_RAISE(const std::string expected, HeaderLine(dialect, schema));
  if (!dialect.header) {
    if (end == head.npos || line.ends_with("\r\n") == dialect.line_end.ends_with("\r\n"))
      return Status::OK();
    return errors::kCsvHeaderDiffers.Make({}, "its lines end in {}, ours would in {}",
                                          line.ends_with("\r\n") ? "CR LF" : "LF",
                                          line.ends_with("\r\n") ? "LF" : "CR LF");
  }
  // Quotes around names are a matter of taste.
  dialect.quoting =
      dialect.quoting == Quoting::kMinimal ? Quoting::kAll : Quoting::kMinimal;
  ARROW_ASSIGN_OR_RAISE(const std::string quoted, HeaderLine(dialect, schema));
  for (const std::string& fits : {expected, quoted}) {
    if (line == fits) return Status::OK();
    if (end == head.npos && std::string(line) + dialect.line_end == fits)
      return Status::OK();
  }
  return errors::kCsvHeaderDiffers.Make({}, "it begins with '{}', ours would with '{}'",
                                        Excerpt(line), Excerpt(expected));
}

std::unique_ptr<data::RowEncoder> MakeEncoder(WriteDialect dialect,
                                              const arrow::Schema& schema,
                                              const Context& context) {
  return std::make_unique<CsvEncoder>(std::move(dialect), schema, context.pool);
}

}  // namespace millrace::formats::csv
