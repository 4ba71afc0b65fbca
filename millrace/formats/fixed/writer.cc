#include "millrace/formats/fixed/writer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/base/error.h"
#include "millrace/formats/csv/column_writer.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/fixed/errors.h"
#include "millrace/formats/input.h"
#include "millrace/formats/value_text.h"

namespace millrace::formats::fixed {

namespace {

constexpr int64_t kPiece = 1024 * 1024;

bool StandsRight(const arrow::DataType& type) {
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id());
}

// Put `text` into a field of `record`, which is as long as it is in characters.
bool PutText(std::string_view text, int64_t width, bool right, std::string* record) {
  const int64_t left = width - CountCharacters(text);
  if (left < 0) return false;
  const size_t blanks = static_cast<size_t>(left);
  if (right) record->append(blanks, ' ');
  record->append(text);
  if (!right) record->append(blanks, ' ');
  return true;
}

class FixedEncoder final : public data::RowEncoder {
 public:
  FixedEncoder(WriteSettings settings, const arrow::Schema& schema,
               arrow::MemoryPool* pool)
      : settings_(std::move(settings)), pool_(pool) {
    for (const FieldPlace& place : settings_.layout.fields) {
      const int index = schema.GetFieldIndex(place.name);
      const auto& field = schema.field(index);
      columns_.push_back({index, place, StandsRight(*field->type()),
                          csv::ColumnWriter(field, settings_.values, pool)});
    }
  }

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    for (Column& column : columns_) {
      const Status bound = column.values.Bind(rows->column(column.index));
      if (ErrorNumber(bound) == errors::kCsvUnrepresentable.number) {
        return errors::kFixedTooWide.Make({.column = column.place.name},
                                          "a text holds a line end");
      }
      ARROW_RETURN_NOT_OK(bound);
    }
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      record_.clear();
      int64_t at = 0;
      for (Column& column : columns_) {
        const FieldPlace& place = column.place;
        record_.append(static_cast<size_t>(place.begin - at), ' ');
        at = place.end;
        ARROW_ASSIGN_OR_RAISE(const std::string_view text,
                              TextOf(column, *rows->column(column.index), i));
        if (!PutText(text, place.end - place.begin, column.right, &record_)) {
          return errors::kFixedTooWide.Make(
              {.column = place.name}, "'{}' has {} characters, the field {}",
              Excerpt(text), CountCharacters(text), place.end - place.begin);
        }
      }
      record_ += settings_.line_end;
      ARROW_RETURN_NOT_OK(Append(out));
    }
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
  struct Column {
    int index;
    FieldPlace place;
    bool right;
    csv::ColumnWriter values;
  };

  // Until the next call.
  Result<std::string_view> TextOf(Column& column, const arrow::Array& array, int64_t i) {
    if (array.IsNull(i)) return settings_.null;
    const int64_t most =
        csv::ColumnWriter::kMostBytes + csv::TextQuoter::MostBytes(column.values.Size(i));
    value_.resize(static_cast<size_t>(most));
    const char* end = column.values.Write(value_.data(), i);
    std::string_view text(value_.data(), 0);
    if (end != nullptr) text = {value_.data(), static_cast<size_t>(end - value_.data())};
    if (end == nullptr || (!text.empty() && text == settings_.null)) {
      return errors::kFixedTooWide.Make(
          {.column = column.place.name},
          "{}: it holds a line end, is what stands for NULL, or is a date outside the "
          "years 0000 to 9999",
          ValueText(array, i));
    }
    return text;
  }

  Status Append(std::vector<data::EncodedRows>* out) {
    const int64_t bytes = static_cast<int64_t>(record_.size());
    if (text_ && size_ + bytes > text_->size()) ARROW_RETURN_NOT_OK(Flush(out));
    if (!text_) {
      ARROW_ASSIGN_OR_RAISE(
          text_, arrow::AllocateResizableBuffer(std::max(kPiece, bytes), pool_));
    }
    memcpy(text_->mutable_data() + size_, record_.data(), record_.size());
    size_ += bytes;
    ++rows_;
    return Status::OK();
  }

  const WriteSettings settings_;
  arrow::MemoryPool* const pool_;
  std::vector<Column> columns_;
  std::string record_, value_;
  std::unique_ptr<arrow::ResizableBuffer> text_;
  int64_t size_ = 0;  // bytes in text_
  int64_t rows_ = 0;  // rows in text_
};

}  // namespace

Result<WriteSettings> FitColumns(WriteSettings settings, const arrow::Schema& schema) {
  auto& fields = settings.layout.fields;
  if (static_cast<int>(fields.size()) != schema.num_fields()) {
    return errors::kFixedSchemaMismatch.Make({}, "there are {} columns and {} fields",
                                             schema.num_fields(), fields.size());
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!settings.layout.named) {
      fields[i].name = schema.field(static_cast<int>(i))->name();
    } else if (schema.GetFieldIndex(fields[i].name) < 0) {
      return errors::kFixedSchemaMismatch.Make({.column = fields[i].name},
                                               "no column has that name");
    }
  }
  // A record is put together from its beginning to its end.
  std::sort(fields.begin(), fields.end(),
            [](const FieldPlace& a, const FieldPlace& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < fields.size(); ++i) {
    if (fields[i].begin < fields[i - 1].end) {
      return errors::kFixedLayout.Make({.column = fields[i].name},
                                       "its place overlaps that of '{}'",
                                       fields[i - 1].name);
    }
  }
  return settings;
}

std::unique_ptr<data::RowEncoder> MakeEncoder(WriteSettings settings,
                                              const arrow::Schema& schema,
                                              const Context& context) {
  return std::make_unique<FixedEncoder>(std::move(settings), schema, context.pool);
}

Result<std::string> HeaderLine(const WriteSettings& settings) {
  std::string line;
  int64_t at = 0;
  for (const FieldPlace& place : settings.layout.fields) {
    line.append(static_cast<size_t>(place.begin - at), ' ');
    at = place.end;
    if (place.name.find_first_of("\r\n") != std::string::npos ||
        !PutText(place.name, place.end - place.begin, false, &line)) {
      return errors::kFixedTooWide.Make({.column = place.name}, "the name in the header");
    }
  }
  return line + settings.line_end;
}

Status CheckHead(std::string_view head, const WriteSettings& settings) {
  if (head.empty()) return Status::OK();
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  if (settings.header) {
    ARROW_ASSIGN_OR_RAISE(const std::string expected, HeaderLine(settings));
    if (head.starts_with(expected)) return Status::OK();
    return errors::kFixedHeaderDiffers.Make(
        {}, "it begins with '{}', ours would with '{}'",
        Excerpt(head.substr(0, expected.size())), Excerpt(expected));
  }
  const size_t end = head.find('\n');
  if (end == std::string_view::npos) return Status::OK();
  const bool crlf = end > 0 && head[end - 1] == '\r';
  const std::string_view found = crlf ? "\r\n" : "\n";
  if (found == settings.line_end) return Status::OK();
  return errors::kFixedHeaderDiffers.Make({}, "its records end in {}",
                                          crlf ? "CR LF" : "LF");
}

}  // namespace millrace::formats::fixed
