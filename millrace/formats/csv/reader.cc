#include "millrace/formats/csv/reader.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <simdjson.h>

#include "millrace/formats/csv/errors.h"
#include "millrace/formats/input.h"
#include "millrace/io/errors.h"

namespace millrace::formats::csv {

namespace {

constexpr int64_t kMinChunk = 256;
// Larger pieces fall out of the second-level cache between index and columns.
constexpr int64_t kMaxChunk = 1024 * 1024;
constexpr int64_t kOverhang =
    8 * 1024;  // read at a time to finish a range's last record
constexpr int64_t kDeadLetterBytes = 64 * 1024;

// Rows::ends of rows picked one by one, after the first row's own begin.
const uint32_t* FirstEnd(const std::vector<uint32_t>& picked) {
  return picked.empty() ? nullptr : picked.data() + 1;
}

}  // namespace

CsvRangeReader::CsvRangeReader(std::shared_ptr<const OpenFile> file,
                               std::shared_ptr<RangeStarts> starts, size_t ordinal,
                               const Pushdown& pushdown, const Context& context)
    : file_(std::move(file)),
      starts_(std::move(starts)),
      ordinal_(ordinal),
      context_(context),
      block_(file_->dialect, file_->width(), context.pool) {
  if (pushdown.columns) {
    projection_ = *pushdown.columns;
  } else {
    for (int i = 0; i < file_->schema->num_fields(); ++i) projection_.push_back(i);
  }
}

Result<std::unique_ptr<RangeReader>> CsvRangeReader::Make(
    std::shared_ptr<const OpenFile> file, std::shared_ptr<RangeStarts> starts,
    size_t ordinal, const Pushdown& pushdown, const Context& context) {
  std::unique_ptr<CsvRangeReader> reader(
      new CsvRangeReader(std::move(file), std::move(starts), ordinal, pushdown, context));
  for (int field : reader->projection_) {
    ARROW_ASSIGN_OR_RAISE(
        auto parser,
        MakeColumnParser(*reader->file_->schema->field(field), reader->file_->dialect,
                         reader->file_->columns[static_cast<size_t>(field)].dictionary,
                         context.pool));
    reader->parsers_.push_back(std::move(parser));
  }
  return reader;
}

Status CsvRangeReader::Seek(const data::Position& position) {
  if (position.empty()) return Status::OK();
  int64_t offset = 0;
  if (started_ || !OffsetOf(position, &offset)) {
    return errors::kInternal.Make({.file = file_->input.name},
                                  "a CSV reader can't seek there");
  }
  if (!file_->input.file && offset != file_->data_begin) {
    return errors::kFileUnreadable.Make({.file = file_->input.name, .byte = offset},
                                        "a stream can't be read again");
  }
  seek_to_ = offset;
  return Status::OK();
}

Status CsvRangeReader::Start() {
  started_ = true;
  begin_ = file_->data_begin;
  if (starts_) {
    if (seek_to_ >= 0) {
      begin_ = seek_to_;
    } else {
      ARROW_ASSIGN_OR_RAISE(begin_, starts_->Find(ordinal_, context_.pool));
    }
    const Range& range = starts_->range(ordinal_);
    if (begin_ >= range.end) {
      done_ = true;
    } else if (range.end < file_->input.file_size) {
      block_.Limit(range.end);
    }
  }
  if (begin_ == file_->data_begin) first_record_ = 0;
  block_.Reset(begin_);
  return Status::OK();
}

Result<int64_t> CsvRangeReader::ReadBytes(uint8_t* out, int64_t capacity,
                                          const Waker& waker, Filled* state) {
  *state = Filled::kRecords;
  if (file_->input.file) {
    const int64_t at = block_.end_offset();
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(file_->input, at, capacity, out));
    if (got < capacity || at + got >= file_->input.file_size) *state = Filled::kEnd;
    return got;
  }
  const int64_t head = static_cast<int64_t>(file_->stream_head.size());
  int64_t total = std::min(capacity, head - head_used_);
  memcpy(out, file_->stream_head.data() + head_used_, static_cast<size_t>(total));
  head_used_ += total;
  if (file_->stream_ended && head_used_ == head) *state = Filled::kEnd;
  while (*state == Filled::kRecords && total < capacity) {
    int64_t got = 0;
    ARROW_ASSIGN_OR_RAISE(
        const ByteStream::State read,
        file_->input.stream->Read(out + total, capacity - total, &got, waker));
    if (read == ByteStream::State::kEnd) *state = Filled::kEnd;
    if (read == ByteStream::State::kPending) *state = Filled::kPending;
    if (read == ByteStream::State::kBytes) total += got;
  }
  return total;
}

// Read until a complete record is there.
Result<CsvRangeReader::Filled> CsvRangeReader::Fill(int64_t target, const Waker& waker) {
  for (;;) {
    if (input_ended_ || block_.limit_reached()) return Filled::kEnd;
    int64_t want = std::max(target, block_.size() / 2);
    if (starts_) {
      // Up to the range's end at first; then only as far as its last record needs.
      const int64_t left = starts_->range(ordinal_).end - block_.end_offset();
      want = left > 0 ? std::min(want, left)
                      : std::max(std::min(kOverhang, want), block_.size() / 2);
    }
    ARROW_ASSIGN_OR_RAISE(uint8_t * out, block_.Extend(want));
    Filled state;
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadBytes(out, want, waker, &state));
    bytes_read_ += got;
    ARROW_RETURN_NOT_OK(block_.Commit(got));
    if (state == Filled::kEnd) {
      input_ended_ = true;
      ARROW_ASSIGN_OR_RAISE(const bool closed, block_.CommitEnd());
      unclosed_ = !closed;
    }
    if (block_.num_entries() > 0) return Filled::kRecords;
    if (state == Filled::kPending) return Filled::kPending;
  }
}

Result<ReadResult> CsvRangeReader::Next(const Budget& budget, const Waker& waker) {
  if (!started_) ARROW_RETURN_NOT_OK(Start());
  const int64_t target = std::clamp(budget.bytes, kMinChunk, kMaxChunk);
  ReadResult result;
  if (!done_ && block_.num_entries() == 0) {
    ARROW_ASSIGN_OR_RAISE(const Filled filled, Fill(target, waker));
    if (filled == Filled::kPending) result.state = ReadResult::State::kPending;
    if (filled == Filled::kEnd) {
      ARROW_RETURN_NOT_OK(RejectUnclosed());
      done_ = true;
      if (starts_ && block_.limit_reached()) {
        starts_->PublishNext(ordinal_, block_.offset() + block_.record_begin());
      }
    }
  }
  if (block_.num_entries() > 0 && !done_) {
    result.state = ReadResult::State::kBatch;
    if (block_.packed()) {
      TakePacked(budget);
    } else {
      ARROW_RETURN_NOT_OK(TakePicked(budget));
    }
    ARROW_ASSIGN_OR_RAISE(result.rows, ParseRows());
  }
  result.position = OffsetPosition(block_.offset() + block_.record_begin());
  result.dead_letters = std::move(dead_letters_);
  dead_letters_.clear();
  result.bytes_read = std::exchange(bytes_read_, 0);
  return result;
}

// As many rows as the budget has, at least one, straight from the index.
void CsvRangeReader::TakePacked(const Budget& budget) {
  const int64_t width = block_.width();
  const uint32_t* entries = block_.entries();
  int64_t count =
      std::min(block_.num_entries() / width, std::max<int64_t>(budget.rows, 1));
  const int64_t begin = block_.record_begin();
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
  first_row_record_ = records_;
  records_ += count;
  block_.Consume(count * width);
}

// The same for records that need a look each: comments, blank lines, wrong numbers of
// fields, suspicious quotes.
Status CsvRangeReader::TakePicked(const Budget& budget) {
  const Dialect& dialect = file_->dialect;
  const int width = block_.width();
  const uint32_t* entries = block_.entries();
  const int64_t available = block_.num_entries();
  const int64_t block_begin = block_.record_begin();
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
      ARROW_RETURN_NOT_OK(CheckRecord(entries + at, last - at + 1, records_, &good));
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
        record_of_row_.push_back(records_);
        ++rows;
      }
      ++records_;
    }
    at = last + 1;
  }
  rows_ = {.data = block_.data(),
           .ends = FirstEnd(picked_),
           .stride = static_cast<size_t>(width) + 1,
           .count = rows,
           .width = width};
  block_.Consume(at);
  return Status::OK();
}

Status CsvRangeReader::CheckRecord(const uint32_t* entries, int64_t fields,
                                   int64_t record, bool* good) {
  const Dialect& dialect = file_->dialect;
  const int width = block_.width();
  const int64_t begin = block_.offset() + static_cast<uint32_t>(entries[-1] + 1);
  const int64_t end = block_.offset() + entries[fields - 1];
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
      const int64_t byte =
          block_.offset() + (field.begin - reinterpret_cast<const char*>(block_.data()));
      return Reject(
          {&errors::kCsvStrayQuote, record, begin, end, c < width ? c : -1, byte,
           fmt::format("in '{}'; {}",
                       Excerpt(byte, byte + static_cast<int64_t>(field.size())),
                       errors::kCsvStrayQuote.remedy)},
          false);
    }
  }
  if (fields == width || (fields < width && dialect.on_ragged == Ragged::kNull)) {
    return Status::OK();
  }
  *good = false;
  const ErrorSpec& spec =
      fields < width ? errors::kCsvTooFewFields : errors::kCsvTooManyFields;
  return Reject({&spec, record, begin, end, -1, begin,
                 fmt::format("found {} of {}; {}", fields, width, spec.remedy)},
                dialect.on_ragged == Ragged::kDeadLetter);
}

// An open quote at the end of the input.
Status CsvRangeReader::RejectUnclosed() {
  // Beyond the limit it is in a record of another range.
  if (!unclosed_ || block_.limit_reached()) return Status::OK();
  unclosed_ = false;
  const int64_t begin = block_.offset() + block_.record_begin();
  const int64_t opened = block_.offset() + block_.FindOpenQuote();
  Status status = Reject(
      {&errors::kCsvUnclosedQuote, records_, begin, block_.end_offset(), -1, opened,
       fmt::format("opened in '{}'; {}", Excerpt(opened, block_.end_offset()),
                   errors::kCsvUnclosedQuote.remedy)},
      false);
  ++records_;
  block_.Discard();
  return status;
}

Result<std::shared_ptr<arrow::RecordBatch>> CsvRangeReader::ParseRows() {
  const uint8_t* data = block_.data();
  rows_.unescape = block_.needs_unescape();
  rows_.check_utf8 = false;
  if (block_.has_non_ascii() && rows_.count > 0) {
    const uint32_t begin = rows_.begin_of(0);
    rows_.check_utf8 =
        !simdjson::validate_utf8(reinterpret_cast<const char*>(data) + begin,
                                 rows_.end_of(rows_.count - 1) - begin);
  }
  std::vector<BadField> bad;
  for (;;) {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    bad.clear();
    for (size_t i = 0; i < projection_.size(); ++i) {
      const size_t field = static_cast<size_t>(projection_[i]);
      ARROW_ASSIGN_OR_RAISE(
          auto array, parsers_[i]->Parse(rows_, file_->columns[field].file_column, &bad));
      const auto& declared = file_->schema->field(projection_[i]);
      fields.push_back(array->type_id() == declared->type()->id()
                           ? declared
                           : declared->WithType(array->type()));
      arrays.push_back(std::move(array));
    }
    if (bad.empty()) {
      return arrow::RecordBatch::Make(
          arrow::schema(std::move(fields), file_->schema->metadata()), rows_.count,
          std::move(arrays));
    }
    ARROW_RETURN_NOT_OK(HandleBadFields(&bad));
  }
}

// Report the rows with fields that can't be parsed, and take them out of rows_.
Status CsvRangeReader::HandleBadFields(std::vector<BadField>* bad) {
  std::sort(bad->begin(), bad->end(), [](const BadField& a, const BadField& b) {
    return std::pair(a.row, a.column) < std::pair(b.row, b.column);
  });
  std::vector<uint32_t> kept;
  std::vector<int64_t> kept_records;
  const size_t width = static_cast<size_t>(rows_.width);
  auto next_bad = bad->begin();
  for (int64_t row = 0; row < rows_.count; ++row) {
    const uint32_t* ends = rows_.ends + row * static_cast<int64_t>(rows_.stride);
    const int64_t record = record_of_row_.empty()
                               ? first_row_record_ + row
                               : record_of_row_[static_cast<size_t>(row)];
    if (next_bad == bad->end() || next_bad->row != row) {
      kept.insert(kept.end(), ends - 1, ends + width);
      kept_records.push_back(record);
      continue;
    }
    const Field field = FieldAt(rows_, file_->dialect, row, next_bad->column);
    const int64_t byte =
        block_.offset() + (field.begin - reinterpret_cast<const char*>(rows_.data));
    std::string values =
        fmt::format("'{}'", Excerpt(byte, byte + static_cast<int64_t>(field.size())));
    if (next_bad->spec == &errors::kCsvBadValue) {
      values += fmt::format(" is no {}", TypeOfColumn(next_bad->column));
      const bool empty = ContentOf(field, file_->dialect).field.size() == 0;
      if (empty) values += "; set quoted_empty_is_null, or null, to read it as NULL";
    }
    ARROW_RETURN_NOT_OK(
        Reject({next_bad->spec, record, block_.offset() + rows_.begin_of(row),
                block_.offset() + rows_.end_of(row), next_bad->column, byte,
                fmt::format("{}; {}", values, next_bad->spec->remedy)},
               false));
    while (next_bad != bad->end() && next_bad->row == row) ++next_bad;
  }
  picked_ = std::move(kept);
  record_of_row_ = std::move(kept_records);
  rows_.ends = FirstEnd(picked_);
  rows_.stride = width + 1;
  rows_.count = static_cast<int64_t>(record_of_row_.size());
  return Status::OK();
}

std::string CsvRangeReader::TypeOfColumn(int column) const {
  for (size_t i = 0; i < file_->columns.size(); ++i) {
    if (file_->columns[i].file_column == column) {
      return file_->schema->field(static_cast<int>(i))->type()->ToString();
    }
  }
  return "value";
}

// Fail, or set the record aside. `allowed`: the file's own options ask for the latter.
Status CsvRangeReader::Reject(Fault fault, bool allowed) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, RecordNumber(fault.record));
  Where where{.file = file_->input.name, .row = number, .byte = fault.byte};
  if (fault.column >= 0) where.column = file_->names[static_cast<size_t>(fault.column)];
  const Status status = fault.spec->MakeText(where, std::move(fault.values));
  if (!allowed && context_.bad_rows == data::BadRowPolicy::kFail) return status;
  const int64_t begin = fault.begin - block_.offset();
  const int64_t size = std::min(fault.end - fault.begin, kDeadLetterBytes);
  dead_letters_.push_back(
      {.raw = std::string(reinterpret_cast<const char*>(block_.data()) + begin,
                          static_cast<size_t>(size)),
       .where = std::move(where),
       .code = fault.spec->number,
       .reason = ErrorText(status)});
  return Status::OK();
}

// Only errors need the number of a record in the file, so only they pay for counting.
Result<int64_t> CsvRangeReader::RecordNumber(int64_t record) {
  if (first_record_ < 0) {
    ARROW_ASSIGN_OR_RAISE(first_record_, CountRecords(*file_, begin_, context_.pool));
  }
  return first_record_ + record + 1;
}

std::string CsvRangeReader::Excerpt(int64_t begin, int64_t end) const {
  return formats::Excerpt(
      {reinterpret_cast<const char*>(block_.data()) + (begin - block_.offset()),
       static_cast<size_t>(end - begin)});
}

}  // namespace millrace::formats::csv
