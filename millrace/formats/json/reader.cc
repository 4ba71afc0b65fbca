#include "millrace/formats/json/reader.h"

#include <algorithm>
#include <cstring>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

namespace {

// Larger pieces fall out of the second-level cache between tokens and columns.
constexpr int64_t kMaxChunk = 512 * 1024;

std::vector<std::string> NamesOf(const arrow::Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields()) names.push_back(field->name());
  return names;
}

}  // namespace

JsonRangeReader::JsonRangeReader(std::shared_ptr<const OpenFile> file,
                                 std::shared_ptr<RecordStarts> starts, size_t ordinal,
                                 const Pushdown& pushdown, const Context& context)
    : TextRangeReader(file, std::move(starts), ordinal, pushdown, context,
                      std::make_unique<Lines>(context.pool), kMaxChunk),
      file_(std::move(file)),
      walker_(NamesOf(*file_->schema), file_->settings.unknown_fails),
      lines_(static_cast<Lines&>(buffer())) {}

Result<std::unique_ptr<RangeReader>> JsonRangeReader::Make(
    std::shared_ptr<const OpenFile> file, std::shared_ptr<RecordStarts> starts,
    size_t ordinal, const Pushdown& pushdown, const Context& context) {
  std::unique_ptr<JsonRangeReader> reader(new JsonRangeReader(
      std::move(file), std::move(starts), ordinal, pushdown, context));
  const OpenFile& open = *reader->file_;
  const ColumnSettings settings{.declared = open.declared,
                                .unknown_fails = open.settings.unknown_fails,
                                .pool = context.pool};
  for (const int field : reader->projection()) {
    ARROW_ASSIGN_OR_RAISE(
        auto parser,
        MakeColumnParser(*open.schema->field(field),
                         open.dictionary[static_cast<size_t>(field)], settings));
    reader->parsers_.push_back(std::move(parser));
  }
  return reader;
}

Result<int64_t> JsonRangeReader::TakeRows(const Budget& budget) {
  if (generation_ != lines_.generation()) {
    generation_ = lines_.generation();
    token_ = 0;
    broken_ = 0;
  }
  const Tokens& tokens = lines_.tokens();
  const char* const text = lines_.text();
  const size_t width = walker_.size();
  const size_t most = static_cast<size_t>(std::max<int64_t>(budget.rows, 1));
  const int64_t first = lines_.consumed();
  const bool fail = context().bad_rows == data::BadRowPolicy::kFail;
  rows_.clear();
  cells_.clear();
  json::Fault fault;
  while (!lines_.empty() && rows_.size() < most) {
    const int64_t begin = lines_.consumed();
    const char* newline = static_cast<const char*>(
        memchr(text + begin, '\n', static_cast<size_t>(lines_.complete() - begin)));
    const Record line{.begin = begin, .end = newline - text, .number = records()};
    if (!rows_.empty() && line.end + 1 - first > budget.bytes) break;
    const bool blank = tokens.at[token_] >= line.end;
    const bool broken = blank && broken_ < lines_.broken().size() &&
                        lines_.broken()[broken_].begin == begin;
    if (blank && !broken) {
      lines_.ConsumeTo(line.end + 1);
      continue;
    }
    cells_.resize(cells_.size() + width, 0);
    const uint32_t before = token_;
    if (!broken && WalkLine(line, &fault)) [[likely]] {
      rows_.push_back(line);
    } else {
      cells_.resize(cells_.size() - width);
      if (fail && !rows_.empty()) {
        // The rows before it first: what is delivered does not depend on the budget.
        token_ = before;
        break;
      }
      ARROW_RETURN_NOT_OK(broken ? RejectBroken(line) : RejectLine(line, fault));
    }
    CountMet(1);
    lines_.ConsumeTo(line.end + 1);
  }
  return static_cast<int64_t>(rows_.size());
}

// The object of a line into the last row of cells_. Moves to the next line's token when
// it is good, and is somewhere in this line or beyond when not.
bool JsonRangeReader::WalkLine(const Record& line, json::Fault* fault) {
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

Status JsonRangeReader::RejectBroken(const Record& line) {
  const Lines::Broken& broken = lines_.broken()[broken_++];
  return Reject(line,
                {.spec = SpecOf(broken.spec, line),
                 .byte = line.begin,
                 .text = fmt::format("'{}'", Excerpt(broken.raw))},
                broken.raw);
}

// Moves to the next line's token.
Status JsonRangeReader::RejectLine(const Record& line, const json::Fault& fault) {
  while (lines_.tokens().at[token_] < line.end) ++token_;
  const std::string_view raw = TextOf(line.begin, line.end);
  return Reject(
      line,
      {.spec = SpecOf(fault.spec, line),
       .byte = fault.byte,
       .column = fault.field >= 0 ? walker_.name(static_cast<size_t>(fault.field))
                                  : std::string(),
       .text = fmt::format("{}{}in '{}'", fault.text, fault.text.empty() ? "" : " ",
                           Excerpt(raw))},
      raw);
}

// What is wrong with a last line that has no end may be that it was cut.
const ErrorSpec* JsonRangeReader::SpecOf(const ErrorSpec* spec,
                                         const Record& line) const {
  const bool cut = spec == &errors::kJsonMalformed && lines_.tail_open() &&
                   line.end + 1 == lines_.complete();
  return cut ? &errors::kJsonTruncated : spec;
}

Result<std::shared_ptr<arrow::Array>> JsonRangeReader::ParseColumn(
    size_t i, std::vector<BadValue>* bad) {
  const size_t from = bad->size();
  ARROW_ASSIGN_OR_RAISE(
      auto array, parsers_[i]->Parse(
                      {lines_.tokens(), cells_.data() + projection()[i], walker_.size(),
                       static_cast<int64_t>(rows_.size()), file_->declared},
                      bad));
  for (size_t b = from; b < bad->size(); ++b) {
    BadValue& value = (*bad)[b];
    value.spec = SpecOf(value.spec, rows_[static_cast<size_t>(value.row)]);
  }
  return array;
}

std::string JsonRangeReader::ColumnName(size_t i) const {
  return file_->schema->field(projection()[i])->name();
}

void JsonRangeReader::KeepRows(const std::vector<int64_t>& rows) {
  const int64_t width = static_cast<int64_t>(walker_.size());
  std::vector<Record> kept;
  std::vector<uint32_t> kept_cells;
  for (const int64_t row : rows) {
    kept.push_back(rows_[static_cast<size_t>(row)]);
    kept_cells.insert(kept_cells.end(), cells_.begin() + row * width,
                      cells_.begin() + (row + 1) * width);
  }
  rows_ = std::move(kept);
  cells_ = std::move(kept_cells);
}

const ErrorSpec& JsonRangeReader::too_large() const {
  return errors::kJsonRecordTooLarge;
}

Result<int64_t> JsonRangeReader::CountRecords(int64_t offset) const {
  return json::CountRecords(*file_, offset, context().pool);
}

}  // namespace millrace::formats::json
