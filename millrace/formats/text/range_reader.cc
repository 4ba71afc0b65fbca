#include "millrace/formats/text/range_reader.h"

#include <algorithm>
#include <cstring>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/io/errors.h"

namespace millrace::formats {

namespace {

constexpr int64_t kMinChunk = 256;
// Read at a time to finish a range's last record; what lies behind it is read again by
// the next range.
constexpr int64_t kOverhang = 4 * 1024;
constexpr size_t kDeadLetterBytes = 64 * 1024;

}  // namespace

TextRangeReader::TextRangeReader(std::shared_ptr<const TextFile> file,
                                 std::shared_ptr<RecordStarts> starts, size_t ordinal,
                                 const Pushdown& pushdown, const Context& context,
                                 std::unique_ptr<RecordBuffer> buffer, int64_t max_chunk)
    : file_(std::move(file)),
      starts_(std::move(starts)),
      ordinal_(ordinal),
      context_(context),
      buffer_(std::move(buffer)),
      max_chunk_(max_chunk) {
  if (pushdown.columns) {
    projection_ = *pushdown.columns;
  } else {
    for (int i = 0; i < file_->schema->num_fields(); ++i) projection_.push_back(i);
  }
}

Status TextRangeReader::Seek(const data::Position& position) {
  if (position.empty()) return Status::OK();
  int64_t offset = 0;
  if (started_ || !OffsetOf(position, &offset)) {
    return errors::kInternal.Make({.file = file_->input.name},
                                  "a reader of text can't seek there");
  }
  if (!file_->input.file && !file_->input.stream->can_seek() &&
      offset != file_->data_begin) {
    return errors::kFileUnreadable.Make({.file = file_->input.name, .byte = offset},
                                        "a stream can't be read again");
  }
  seek_to_ = offset;
  return Status::OK();
}

Status TextRangeReader::Start() {
  started_ = true;
  begin_ = file_->data_begin;
  if (file_->input.file) {
    const Range& range = starts_->range(ordinal_);
    if (seek_to_ >= 0) {
      begin_ = seek_to_;
    } else {
      ARROW_ASSIGN_OR_RAISE(begin_, starts_->Find(ordinal_, context_.pool));
    }
    // What stands before the first record counts as read, too.
    told_to_ = seek_to_ < 0 && range.begin <= file_->data_begin ? range.begin : begin_;
    done_ = begin_ >= range.end;
  } else if (file_->input.stream->can_seek()) {
    ARROW_RETURN_NOT_OK(StartStream());
  }
  read_to_ = begin_;
  if (begin_ == file_->data_begin) first_record_ = 0;
  buffer_->Reset(begin_);
  if (file_->input.file && starts_->range(ordinal_).end < file_->input.file_size) {
    buffer_->Limit(starts_->range(ordinal_).end);
  }
  return done_ ? Status::OK() : AtStart(begin_);
}

// Whoever read the stream before, the next byte is the one behind the head, or behind
// where this reader begins.
Status TextRangeReader::StartStream() {
  const int64_t head = static_cast<int64_t>(file_->stream_head.size());
  if (seek_to_ >= 0) begin_ = told_to_ = seek_to_;
  head_used_ = std::clamp<int64_t>(begin_ - file_->data_begin, 0, head);
  if (file_->stream_ended) return Status::OK();
  return file_->input.stream->SeekTo(std::max(begin_, file_->data_begin + head));
}

Result<int64_t> TextRangeReader::ReadBytes(uint8_t* out, int64_t capacity,
                                           const Waker& waker, Filled* state) {
  *state = Filled::kRecords;
  if (file_->input.file) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file_->input, read_to_, capacity, out));
    if (got < capacity || read_to_ + got >= file_->input.file_size) {
      *state = file_->input.growing ? Filled::kPending : Filled::kEnd;
    }
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
Result<TextRangeReader::Filled> TextRangeReader::Fill(int64_t target,
                                                      const Waker& waker) {
  for (;;) {
    if (input_ended_ || buffer_->limit_reached()) return Filled::kEnd;
    const int64_t held = buffer_->held();
    if (held >= file_->max_record_bytes) {
      ARROW_ASSIGN_OR_RAISE(const int64_t number, RecordNumber(records_));
      return too_large().Make(
          {.file = file_->input.name, .row = number, .byte = position()},
          "it has more than {} bytes", file_->max_record_bytes);
    }
    int64_t want = std::max(target, held / 2);
    if (file_->input.file) {
      // Up to the range's end at first; then only as far as its last record needs.
      const int64_t left = starts_->range(ordinal_).end - read_to_;
      want =
          left > 0 ? std::min(want, left) : std::max(std::min(kOverhang, want), held / 2);
    }
    ARROW_ASSIGN_OR_RAISE(uint8_t * out, buffer_->Extend(want));
    Filled state;
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadBytes(out, want, waker, &state));
    read_to_ += got;
    input_ended_ = state == Filled::kEnd;
    ARROW_RETURN_NOT_OK(buffer_->Commit(got, input_ended_));
    if (!buffer_->empty()) return Filled::kRecords;
    if (state == Filled::kPending) return Filled::kPending;
  }
}

Result<ReadResult> TextRangeReader::Next(const Budget& budget, const Waker& waker) {
  if (!started_) ARROW_RETURN_NOT_OK(Start());
  const int64_t target = std::clamp(budget.bytes, kMinChunk, max_chunk_);
  ReadResult result;
  if (!done_ && buffer_->empty()) {
    ARROW_ASSIGN_OR_RAISE(const Filled filled, Fill(target, waker));
    if (filled == Filled::kPending) result.state = ReadResult::State::kPending;
    if (filled == Filled::kEnd) {
      ARROW_RETURN_NOT_OK(AtEnd());
      done_ = true;
      if (starts_ && buffer_->limit_reached()) {
        starts_->PublishNext(ordinal_, position());
      }
    }
  }
  if (!done_ && !buffer_->empty()) {
    result.state = ReadResult::State::kBatch;
    ARROW_ASSIGN_OR_RAISE(int64_t count, TakeRows(budget));
    ARROW_RETURN_NOT_OK(RejectLarge(&count));
    ARROW_ASSIGN_OR_RAISE(result.rows, ParseRows(count));
  }
  result.position = OffsetPosition(position());
  result.dead_letters = std::move(dead_letters_);
  dead_letters_.clear();
  // What is behind the last record of the range is the next one's to tell.
  const int64_t told_to = std::min(position(), read_to_);
  result.bytes_read = told_to - std::exchange(told_to_, told_to);
  return result;
}

Result<std::shared_ptr<arrow::RecordBatch>> TextRangeReader::ParseRows(int64_t count) {
  std::vector<BadValue> bad;
  for (;;) {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    bad.clear();
    for (size_t i = 0; i < projection_.size(); ++i) {
      const size_t from = bad.size();
      ARROW_ASSIGN_OR_RAISE(auto array, ParseColumn(i, &bad));
      for (size_t b = from; b < bad.size(); ++b) bad[b].path.insert(0, ColumnName(i));
      const auto& declared = file_->schema->field(projection_[i]);
      fields.push_back(array->type_id() == declared->type()->id()
                           ? declared
                           : declared->WithType(array->type()));
      arrays.push_back(std::move(array));
    }
    if (bad.empty()) {
      return arrow::RecordBatch::Make(
          arrow::schema(std::move(fields), file_->schema->metadata()), count,
          std::move(arrays));
    }
    ARROW_RETURN_NOT_OK(RejectRows(&bad, count));
    count -= static_cast<int64_t>(bad.size());
  }
}

// A limit below the size of a piece is not met while the piece is filled.
Status TextRangeReader::RejectLarge(int64_t* count) {
  if (file_->max_record_bytes >= max_chunk_) return Status::OK();
  std::vector<BadValue> bad;
  for (int64_t row = 0; row < *count; ++row) {
    const Record record = RecordOf(row);
    if (record.end - record.begin <= file_->max_record_bytes) continue;
    bad.push_back({.row = row,
                   .spec = &too_large(),
                   .byte = static_cast<uint32_t>(record.begin),
                   .text = fmt::format("it has {} bytes", record.end - record.begin)});
  }
  if (bad.empty()) return Status::OK();
  ARROW_RETURN_NOT_OK(RejectRows(&bad, *count));
  *count -= static_cast<int64_t>(bad.size());
  return Status::OK();
}

// Report the rows with values that can't be used, and take them out. Leaves the first bad
// value of each in `bad`.
Status TextRangeReader::RejectRows(std::vector<BadValue>* bad, int64_t count) {
  std::stable_sort(bad->begin(), bad->end(), [](const BadValue& a, const BadValue& b) {
    return std::pair(a.row, a.byte) < std::pair(b.row, b.byte);
  });
  bad->erase(
      std::unique(bad->begin(), bad->end(),
                  [](const BadValue& a, const BadValue& b) { return a.row == b.row; }),
      bad->end());
  std::vector<int64_t> kept;
  auto next = bad->begin();
  for (int64_t row = 0; row < count; ++row) {
    if (next == bad->end() || next->row != row) {
      kept.push_back(row);
      continue;
    }
    const Record record = RecordOf(row);
    ARROW_RETURN_NOT_OK(
        Reject(record, {next->spec, next->byte, next->path, std::move(next->text)},
               TextOf(record.begin, record.end)));
    ++next;
  }
  KeepRows(kept);
  return Status::OK();
}

Status TextRangeReader::Reject(const Record& record, Fault fault, std::string_view raw,
                               bool allowed) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, RecordNumber(record.number));
  Where where{.file = file_->input.name,
              .row = number,
              .column = std::move(fault.column),
              .byte = buffer_->offset() + fault.byte};
  const Status status = fault.spec->MakeText(where, std::move(fault.text));
  if (!allowed && context_.bad_rows == data::BadRowPolicy::kFail) return status;
  dead_letters_.push_back({.raw = std::string(raw.substr(0, kDeadLetterBytes)),
                           .where = std::move(where),
                           .code = fault.spec->number,
                           .reason = ErrorText(status),
                           .fields = FieldNames()});
  return Status::OK();
}

// Only errors need the number of a record in the file, so only they pay for counting.
Result<int64_t> TextRangeReader::RecordNumber(int64_t record) {
  if (first_record_ < 0) {
    // Of a stream that is read from its middle on nobody knows what was before.
    if (!file_->input.file) return -1;
    ARROW_ASSIGN_OR_RAISE(first_record_, CountRecords(begin_));
  }
  return first_record_ + record + 1;
}

}  // namespace millrace::formats
