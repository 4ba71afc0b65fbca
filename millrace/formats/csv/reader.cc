#include "millrace/formats/csv/reader.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/type.h>
#include <simdjson.h>

#include "millrace/formats/csv/errors.h"

namespace millrace::formats::csv {

namespace {

// Larger pieces fall out of the second-level cache between index and columns.
constexpr int64_t kMaxChunk = 1024 * 1024;
// A batch of few rows costs more for its columns than for its values.
constexpr int64_t kChunkOfColumn = 1024;

}  // namespace

CsvRangeReader::CsvRangeReader(std::shared_ptr<const OpenFile> file,
                               std::shared_ptr<RecordStarts> starts, size_t ordinal,
                               const Pushdown& pushdown, const Context& context)
    : TextRangeReader(file, std::move(starts), ordinal, pushdown, context,
                      std::make_unique<Block>(file->dialect, file->width(), context.pool),
                      std::max(kMaxChunk, file->width() * kChunkOfColumn)),
      file_(std::move(file)),
      block_(static_cast<Block&>(buffer())) {}

Result<std::unique_ptr<RangeReader>> CsvRangeReader::Make(
    std::shared_ptr<const OpenFile> file, std::shared_ptr<RecordStarts> starts,
    size_t ordinal, const Pushdown& pushdown, const Context& context) {
  std::unique_ptr<CsvRangeReader> reader(
      new CsvRangeReader(std::move(file), std::move(starts), ordinal, pushdown, context));
  const OpenFile& open = *reader->file_;
  const ColumnSettings settings{.timestamp_format = open.dialect.timestamp_format,
                                .pool = context.pool};
  for (const int field : reader->projection()) {
    ARROW_ASSIGN_OR_RAISE(
        auto parser, MakeColumnParser(*open.schema->field(field),
                                      open.columns[static_cast<size_t>(field)].dictionary,
                                      open.dialect.numbers, settings));
    reader->parsers_.push_back(std::move(parser));
  }
  return reader;
}

Result<int64_t> CsvRangeReader::TakeRows(const Budget& budget) {
  if (block_.packed()) {
    TakePacked(budget);
  } else {
    ARROW_RETURN_NOT_OK(TakePicked(budget));
  }
  rows_.unescape = block_.needs_unescape();
  rows_.check_utf8 = false;
  if (block_.has_non_ascii() && rows_.count > 0) {
    const std::string_view text =
        TextOf(rows_.begin_of(0), rows_.end_of(rows_.count - 1));
    rows_.check_utf8 = !simdjson::validate_utf8(text.data(), text.size());
  }
  return rows_.count;
}

// As many rows as the budget has, at least one, straight from the index.
void CsvRangeReader::TakePacked(const Budget& budget) {
  const int64_t width = block_.width();
  const uint32_t* entries = block_.entries();
  int64_t count =
      std::min(block_.num_entries() / width, std::max<int64_t>(budget.rows, 1));
  const int64_t begin = block_.consumed();
  auto bytes_of = [&](int64_t rows) { return entries[rows * width - 1] + 1 - begin; };
  if (bytes_of(count) > budget.bytes) {
    int64_t low = 1, high = count;  // the most rows that fit, or one
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (bytes_of(middle) <= budget.bytes) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    count = low;
  }
  rows_ = {.data = block_.data(),
           .ends = entries,
           .stride = static_cast<size_t>(width),
           .count = count,
           .width = static_cast<int>(width)};
  record_of_row_.clear();
  first_row_record_ = records();
  CountMet(count);
  block_.Consume(count * width);
}

// The same for records that need a look each: comments, blank lines, wrong numbers of
// fields, suspicious quotes.
Status CsvRangeReader::TakePicked(const Budget& budget) {
  const Dialect& dialect = file_->dialect;
  const int width = block_.width();
  const uint32_t* entries = block_.entries();
  const int64_t available = block_.num_entries();
  const int64_t block_begin = block_.consumed();
  picked_.clear();
  record_of_row_.clear();
  int64_t at = 0, rows = 0;
  while (at < available && rows < std::max<int64_t>(budget.rows, 1)) {
    const uint32_t begin = entries[at - 1] + 1;
    int64_t last = at;
    while (!block_.IsLineEnd(entries[last])) ++last;
    const uint32_t end = entries[last];
    if (rows > 0 && end + 1 - block_begin > budget.bytes) break;
    if (!IsSkipped(block_.data(), begin, end, dialect, width)) {
      bool good = false;
      ARROW_RETURN_NOT_OK(CheckRecord(entries + at, last - at + 1, &good));
      if (good) {
        picked_.push_back(begin - 1);
        picked_.insert(picked_.end(), entries + at, entries + last + 1);
        // A field that is not there ends where the one before it ends.
        const int64_t missing = width - (last - at + 1);
        if (missing > 0) {
          // The line end belongs to the last field that is there.
          if (dialect.newline == '\n' && end > begin && block_.data()[end - 1] == '\r' &&
              (last == at || end - 1 > entries[last - 1])) {
            --picked_.back();
          }
          picked_.insert(picked_.end(), static_cast<size_t>(missing), picked_.back());
        }
        record_of_row_.push_back(records());
        ++rows;
      }
      CountMet(1);
    }
    at = last + 1;
  }
  UsePicked();
  block_.Consume(at);
  return Status::OK();
}

Status CsvRangeReader::CheckRecord(const uint32_t* entries, int64_t fields, bool* good) {
  const Dialect& dialect = file_->dialect;
  const int width = block_.width();
  const Record record{.begin = static_cast<uint32_t>(entries[-1] + 1),
                      .end = entries[fields - 1],
                      .number = records()};
  const std::string_view raw = TextOf(record.begin, record.end);
  *good = true;
  if (block_.has_suspect_quotes()) {
    const Rows one{.data = block_.data(),
                   .ends = entries,
                   .stride = static_cast<size_t>(fields),
                   .count = 1,
                   .width = static_cast<int>(fields)};
    for (int c = 0; c < one.width; ++c) {
      const Field field = FieldAt(one, dialect, 0, c);
      if (QuotesAreValid(field, dialect)) continue;
      *good = false;
      return Reject(
          record,
          {.spec = &errors::kCsvStrayQuote,
           .byte = field.begin - reinterpret_cast<const char*>(block_.data()),
           .column = c < width ? file_->names[static_cast<size_t>(c)] : std::string(),
           .text = fmt::format("in '{}'", Excerpt(field.view()))},
          raw);
    }
  }
  if (fields == width || (fields < width && dialect.on_ragged == Ragged::kNull)) {
    return Status::OK();
  }
  *good = false;
  const ErrorSpec& spec =
      fields < width ? errors::kCsvTooFewFields : errors::kCsvTooManyFields;
  return Reject(record,
                {.spec = &spec,
                 .byte = record.begin,
                 .text = fmt::format("found {} of {}", fields, width)},
                raw, dialect.on_ragged == Ragged::kDeadLetter);
}

// An open quote at the end of the input; beyond the limit it is in a record of another
// range.
Status CsvRangeReader::AtEnd() {
  if (!block_.unclosed() || block_.limit_reached()) return Status::OK();
  const int64_t opened = block_.FindOpenQuote();
  const Record record{.begin = block_.consumed(),
                      .end = block_.end_offset() - block_.offset(),
                      .number = records()};
  CountMet(1);
  ARROW_RETURN_NOT_OK(
      Reject(record,
             {.spec = &errors::kCsvUnclosedQuote,
              .byte = opened,
              .text = fmt::format("opened in '{}'", Excerpt(TextOf(opened, record.end)))},
             TextOf(record.begin, record.end)));
  block_.Discard();
  return Status::OK();
}

Result<std::shared_ptr<arrow::Array>> CsvRangeReader::ParseColumn(
    size_t i, std::vector<BadValue>* bad) {
  const size_t field = static_cast<size_t>(projection()[i]);
  return parsers_[i]->Parse({rows_, file_->dialect, file_->columns[field].file_column},
                            bad);
}

std::string CsvRangeReader::ColumnName(size_t i) const {
  const size_t field = static_cast<size_t>(projection()[i]);
  return file_->names[static_cast<size_t>(file_->columns[field].file_column)];
}

TextRangeReader::Record CsvRangeReader::RecordOf(int64_t row) const {
  return {.begin = rows_.begin_of(row),
          .end = rows_.end_of(row),
          .number = record_of_row_.empty() ? first_row_record_ + row
                                           : record_of_row_[static_cast<size_t>(row)]};
}

void CsvRangeReader::KeepRows(const std::vector<int64_t>& rows) {
  std::vector<uint32_t> kept;
  std::vector<int64_t> kept_records;
  for (const int64_t row : rows) {
    const uint32_t* ends = rows_.ends + row * static_cast<int64_t>(rows_.stride);
    kept.insert(kept.end(), ends - 1, ends + rows_.width);
    kept_records.push_back(RecordOf(row).number);
  }
  const bool unescape = rows_.unescape, check_utf8 = rows_.check_utf8;
  picked_ = std::move(kept);
  record_of_row_ = std::move(kept_records);
  UsePicked();
  rows_.unescape = unescape;
  rows_.check_utf8 = check_utf8;
}

void CsvRangeReader::UsePicked() {
  const size_t stride = static_cast<size_t>(block_.width()) + 1;
  rows_ = {.data = block_.data(),
           .ends = picked_.empty() ? nullptr : picked_.data() + 1,
           .stride = stride,
           .count = static_cast<int64_t>(record_of_row_.size()),
           .width = block_.width()};
}

const ErrorSpec& CsvRangeReader::too_large() const { return errors::kCsvRecordTooLarge; }

Result<int64_t> CsvRangeReader::CountRecords(int64_t offset) const {
  return csv::CountRecords(*file_, offset, context().pool);
}

}  // namespace millrace::formats::csv
