#include "millrace/formats/json/reader.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"
#include "millrace/io/errors.h"

namespace millrace::formats::json {

namespace {

constexpr int64_t kMinChunk = 256;
// Larger pieces fall out of the second-level cache between tokens and columns.
constexpr int64_t kMaxChunk = 512 * 1024;
constexpr int64_t kOverhang = 8 * 1024;  // read at a time to finish a range's last line

std::vector<std::string> NamesOf(const arrow::Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields()) names.push_back(field->name());
  return names;
}

}  // namespace

JsonRangeReader::JsonRangeReader(std::shared_ptr<const OpenFile> file, const Range& range,
                                 const Pushdown& pushdown, const Context& context)
    : file_(std::move(file)),
      range_(range),
      context_(context),
      walker_(NamesOf(*file_->schema), file_->settings.unknown_fails),
      lines_(context.pool) {
  if (pushdown.columns) {
    projection_ = *pushdown.columns;
  } else {
    for (int i = 0; i < file_->schema->num_fields(); ++i) projection_.push_back(i);
  }
}

Result<std::unique_ptr<RangeReader>> JsonRangeReader::Make(
    std::shared_ptr<const OpenFile> file, const Range& range, const Pushdown& pushdown,
    const Context& context) {
  std::unique_ptr<JsonRangeReader> reader(
      new JsonRangeReader(std::move(file), range, pushdown, context));
  const OpenFile& open = *reader->file_;
  const ColumnSettings settings{.declared = open.declared,
                                .unknown_fails = open.settings.unknown_fails,
                                .pool = context.pool};
  for (const int field : reader->projection_) {
    ARROW_ASSIGN_OR_RAISE(
        auto parser,
        MakeColumnParser(*open.schema->field(field),
                         open.dictionary[static_cast<size_t>(field)], settings));
    reader->parsers_.push_back(std::move(parser));
  }
  return reader;
}

Status JsonRangeReader::Seek(const data::Position& position) {
  if (position.empty()) return Status::OK();
  int64_t offset = 0;
  if (started_ || !OffsetOf(position, &offset)) {
    return errors::kInternal.Make({.file = file_->input.name},
                                  "a JSON reader can't seek there");
  }
  if (!file_->input.file && offset != file_->data_begin) {
    return errors::kFileUnreadable.Make({.file = file_->input.name, .byte = offset},
                                        "a stream can't be read again");
  }
  seek_to_ = offset;
  return Status::OK();
}

// Offset of the first line that begins in the range, or its end when none does.
Result<int64_t> JsonRangeReader::FindStart() const {
  if (range_.begin <= file_->data_begin) return file_->data_begin;
  constexpr int64_t kPiece = 16 * 1024;
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, context_.pool));
  // A line may end right before the range.
  for (int64_t at = range_.begin - 1; at < range_.end;) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file_->input, at, std::min(kPiece, range_.end - at),
                                 piece->mutable_data()));
    if (got == 0) break;
    const void* end = memchr(piece->data(), '\n', static_cast<size_t>(got));
    if (end != nullptr)
      return at + (static_cast<const uint8_t*>(end) - piece->data()) + 1;
    at += got;
  }
  return range_.end;
}

Status JsonRangeReader::Start() {
  started_ = true;
  begin_ = file_->data_begin;
  if (file_->input.file) {
    if (seek_to_ >= 0) {
      begin_ = seek_to_;
    } else {
      ARROW_ASSIGN_OR_RAISE(begin_, FindStart());
    }
    done_ = begin_ >= range_.end;
  }
  if (begin_ == file_->data_begin) first_record_ = 0;
  lines_.Reset(begin_);
  if (file_->input.file && range_.end < file_->input.file_size) lines_.Limit(range_.end);
  return Status::OK();
}

Result<int64_t> JsonRangeReader::ReadBytes(uint8_t* out, int64_t capacity,
                                           const Waker& waker, Filled* state) {
  *state = Filled::kLines;
  if (file_->input.file) {
    const int64_t at = lines_.end_offset();
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(file_->input, at, capacity, out));
    if (got < capacity || at + got >= file_->input.file_size) *state = Filled::kEnd;
    return got;
  }
  const int64_t head = static_cast<int64_t>(file_->stream_head.size());
  int64_t total = std::min(capacity, head - head_used_);
  memcpy(out, file_->stream_head.data() + head_used_, static_cast<size_t>(total));
  head_used_ += total;
  if (file_->stream_ended && head_used_ == head) *state = Filled::kEnd;
  while (*state == Filled::kLines && total < capacity) {
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

// Read until a complete line is there.
Result<JsonRangeReader::Filled> JsonRangeReader::Fill(int64_t target,
                                                      const Waker& waker) {
  for (;;) {
    if (input_ended_ || lines_.limit_reached()) return Filled::kEnd;
    const int64_t held = lines_.held();
    if (held >= file_->settings.max_record_bytes) {
      ARROW_ASSIGN_OR_RAISE(const int64_t number, RecordNumber(records_));
      return errors::kJsonRecordTooLarge.Make(
          {.file = file_->input.name,
           .row = number,
           .byte = lines_.offset() + lines_.consumed()},
          "it has more than {} bytes", file_->settings.max_record_bytes);
    }
    int64_t want = std::max(target, held / 2);
    if (file_->input.file) {
      // Up to the range's end at first; then only as far as its last line needs.
      const int64_t left = range_.end - lines_.end_offset();
      want =
          left > 0 ? std::min(want, left) : std::max(std::min(kOverhang, want), held / 2);
    }
    ARROW_ASSIGN_OR_RAISE(uint8_t * out, lines_.Extend(want));
    Filled state;
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadBytes(out, want, waker, &state));
    bytes_read_ += got;
    input_ended_ = state == Filled::kEnd;
    ARROW_RETURN_NOT_OK(lines_.Commit(got, input_ended_));
    token_ = 0;
    broken_ = 0;
    if (!lines_.empty()) return Filled::kLines;
    if (state == Filled::kPending) return Filled::kPending;
  }
}

Result<ReadResult> JsonRangeReader::Next(const Budget& budget, const Waker& waker) {
  if (!started_) ARROW_RETURN_NOT_OK(Start());
  const int64_t target = std::clamp(budget.bytes, kMinChunk, kMaxChunk);
  ReadResult result;
  if (!done_ && lines_.empty()) {
    ARROW_ASSIGN_OR_RAISE(const Filled filled, Fill(target, waker));
    if (filled == Filled::kPending) result.state = ReadResult::State::kPending;
    done_ = filled == Filled::kEnd;
  }
  if (!done_ && !lines_.empty()) {
    result.state = ReadResult::State::kBatch;
    ARROW_RETURN_NOT_OK(TakeRows(budget));
    ARROW_ASSIGN_OR_RAISE(result.rows, ParseRows());
  }
  result.position = OffsetPosition(lines_.offset() + lines_.consumed());
  result.dead_letters = std::move(dead_letters_);
  dead_letters_.clear();
  result.bytes_read = std::exchange(bytes_read_, 0);
  return result;
}

// As many rows as the budget has, at least one, while there are lines.
Status JsonRangeReader::TakeRows(const Budget& budget) {
  const Tokens& tokens = lines_.tokens();
  const char* const text = lines_.text();
  const size_t width = walker_.size();
  const int64_t most = std::max<int64_t>(budget.rows, 1);
  const int64_t first = lines_.consumed();
  const bool fail = context_.bad_rows == data::BadRowPolicy::kFail;
  rows_.clear();
  cells_.clear();
  int64_t begin = first;
  Fault fault;
  while (begin < lines_.complete() && static_cast<int64_t>(rows_.size()) < most) {
    const char* newline = static_cast<const char*>(
        memchr(text + begin, '\n', static_cast<size_t>(lines_.complete() - begin)));
    const Line line{begin, newline - text, records_};
    if (!rows_.empty() && line.end + 1 - first > budget.bytes) break;
    const bool blank = tokens.at[token_] >= line.end;
    if (blank &&
        (broken_ == lines_.broken().size() || lines_.broken()[broken_].begin != begin)) {
      begin = line.end + 1;
      lines_.ConsumeTo(begin);
      continue;
    }
    cells_.resize(cells_.size() + width, 0);
    const uint32_t before = token_;
    if (!blank && WalkLine(line, &fault)) [[likely]] {
      rows_.push_back(line);
    } else {
      cells_.resize(cells_.size() - width);
      if (fail && !rows_.empty()) {
        // The rows before it first: what is delivered does not depend on the budget.
        token_ = before;
        break;
      }
      if (blank) {
        const Lines::Broken& broken = lines_.broken()[broken_++];
        ARROW_RETURN_NOT_OK(Reject(line, *broken.spec, line.begin, "",
                                   fmt::format("'{}'", Excerpt(broken.raw)), broken.raw));
      } else {
        while (tokens.at[token_] < line.end) ++token_;
        std::string column = fault.field >= 0
                                 ? walker_.name(static_cast<size_t>(fault.field))
                                 : std::string();
        const std::string_view raw(text + line.begin,
                                   static_cast<size_t>(line.end - line.begin));
        std::string values = fault.text.empty() ? "" : fault.text + " ";
        values += fmt::format("in '{}'", Excerpt(raw));
        ARROW_RETURN_NOT_OK(Reject(line, *fault.spec, fault.byte, std::move(column),
                                   std::move(values), raw));
      }
    }
    ++records_;
    begin = line.end + 1;
    lines_.ConsumeTo(begin);
  }
  return Status::OK();
}

// The object of a line into the last row of cells_. Moves to the next line's token when
// it is good, and is somewhere in this line or beyond when not.
bool JsonRangeReader::WalkLine(const Line& line, Fault* fault) {
  const Tokens& tokens = lines_.tokens();
  const int64_t end = line.end;
  if (tokens.kind(token_) != '{') [[unlikely]] {
    *fault = {&errors::kJsonNotObject, tokens.at[token_], -1, ""};
    return false;
  }
  const size_t width = walker_.size();
  const uint32_t next =
      walker_.Walk(tokens, token_, cells_.data() + (cells_.size() - width), fault);
  if (next != 0 && tokens.at[next - 1] < end && tokens.at[next] >= end) [[likely]] {
    token_ = next;
    return true;
  }
  if (next == 0 && fault->byte < end) {
    return false;
  }
  if (next == 0 || tokens.at[next - 1] >= end) {
    // The walk went on into the next line.
    *fault = {&errors::kJsonMalformed, static_cast<uint32_t>(end), -1,
              "the line ends inside the object"};
  } else {
    *fault = {&errors::kJsonMalformed, tokens.at[next], -1,
              "something follows the object"};
  }
  return false;
}

Result<std::shared_ptr<arrow::RecordBatch>> JsonRangeReader::ParseRows() {
  const Tokens& tokens = lines_.tokens();
  std::vector<BadValue> bad;
  for (;;) {
    const int64_t count = static_cast<int64_t>(rows_.size());
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    bad.clear();
    for (size_t i = 0; i < projection_.size(); ++i) {
      const int field = projection_[i];
      const size_t from = bad.size();
      ARROW_ASSIGN_OR_RAISE(
          auto array, parsers_[i]->Parse(
                          tokens, {cells_.data() + field, walker_.size(), count}, &bad));
      const auto& declared = file_->schema->field(field);
      for (size_t b = from; b < bad.size(); ++b) bad[b].path.insert(0, declared->name());
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
    ARROW_RETURN_NOT_OK(HandleBadValues(&bad));
  }
}

// Report the rows with values that can't be used, and take them out.
Status JsonRangeReader::HandleBadValues(std::vector<BadValue>* bad) {
  std::stable_sort(bad->begin(), bad->end(), [](const BadValue& a, const BadValue& b) {
    return std::pair(a.row, a.byte) < std::pair(b.row, b.byte);
  });
  const size_t width = walker_.size();
  std::vector<Line> kept;
  std::vector<uint32_t> kept_cells;
  auto next = bad->begin();
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (next == bad->end() || next->row != static_cast<int64_t>(row)) {
      kept.push_back(rows_[row]);
      kept_cells.insert(kept_cells.end(),
                        cells_.begin() + static_cast<int64_t>(row * width),
                        cells_.begin() + static_cast<int64_t>((row + 1) * width));
      continue;
    }
    const Line& line = rows_[row];
    ARROW_RETURN_NOT_OK(
        Reject(line, *next->spec, next->byte, next->path, next->text,
               {lines_.text() + line.begin, static_cast<size_t>(line.end - line.begin)}));
    while (next != bad->end() && next->row == static_cast<int64_t>(row)) ++next;
  }
  rows_ = std::move(kept);
  cells_ = std::move(kept_cells);
  return Status::OK();
}

// Fail, or set the line aside. `byte` is an offset in the text.
Status JsonRangeReader::Reject(const Line& line, const ErrorSpec& spec, int64_t byte,
                               std::string column, std::string values,
                               std::string_view raw) {
  const ErrorSpec* used = &spec;
  if (&spec == &errors::kJsonMalformed && lines_.tail_open() &&
      line.end + 1 == lines_.complete()) {
    used = &errors::kJsonTruncated;
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t number, RecordNumber(line.record));
  Where where{.file = file_->input.name,
              .row = number,
              .column = std::move(column),
              .byte = lines_.offset() + byte};
  const Status status = used->MakeText(where, std::move(values));
  if (context_.bad_rows == data::BadRowPolicy::kFail) return status;
  dead_letters_.push_back({.raw = std::string(raw.substr(0, Lines::kRawBytes)),
                           .where = std::move(where),
                           .code = used->number,
                           .reason = ErrorText(status)});
  return Status::OK();
}

// Only errors need the number of a record in the file, so only they pay for counting.
Result<int64_t> JsonRangeReader::RecordNumber(int64_t record) {
  if (first_record_ < 0) {
    ARROW_ASSIGN_OR_RAISE(first_record_, CountRecords(*file_, begin_, context_.pool));
  }
  return first_record_ + record + 1;
}

}  // namespace millrace::formats::json
