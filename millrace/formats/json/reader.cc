#include "millrace/formats/json/reader.h"

#include <algorithm>
#include <cstring>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/formats/json/element_starts.h"
#include "millrace/formats/json/elements.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/lines.h"

namespace millrace::formats::json {

namespace {

// Larger pieces fall out of the second-level cache between tokens and columns.
constexpr int64_t kMaxChunk = 512 * 1024;

std::vector<std::string> NamesOf(const arrow::Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields()) names.push_back(field->name());
  return names;
}

std::unique_ptr<RecordBuffer> MakeBuffer(const OpenFile& file, arrow::MemoryPool* pool) {
  if (file.layout == Layout::kLines) return std::make_unique<Lines>(pool);
  const bool known = file.input.file && !file.input.growing;
  return std::make_unique<Elements>(file.layout, known ? file.input.file_size : INT64_MAX,
                                    pool);
}

}  // namespace

JsonRangeReader::JsonRangeReader(std::shared_ptr<const OpenFile> file,
                                 std::shared_ptr<RecordStarts> starts, size_t ordinal,
                                 const Pushdown& pushdown, const Context& context)
    : TextRangeReader(file, std::move(starts), ordinal, pushdown, context,
                      MakeBuffer(*file, context.pool), kMaxChunk),
      file_(std::move(file)),
      walker_(NamesOf(*file_->schema), file_->settings.unknown_fails),
      lines_(static_cast<TokenBuffer&>(buffer())),
      elements_(file_->layout == Layout::kLines ? nullptr
                                                : &static_cast<Elements&>(buffer())) {}

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

Status JsonRangeReader::AtStart(int64_t begin) {
  if (file_->layout != Layout::kArray) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const bool closed, ClosedBefore(*file_, begin));
  if (closed) elements_->SetClosed();
  return Status::OK();
}

Result<int64_t> JsonRangeReader::TakeRows(const Budget& budget) {
  if (generation_ != lines_.generation()) {
    generation_ = lines_.generation();
    token_ = 0;
    broken_ = 0;
  }
  rows_.clear();
  cells_.clear();
  return elements_ == nullptr ? TakeLines(budget) : TakeElements(budget);
}

Result<int64_t> JsonRangeReader::TakeLines(const Budget& budget) {
  const Tokens& tokens = lines_.tokens();
  const char* const text = lines_.text();
  const size_t width = walker_.size();
  const size_t most = static_cast<size_t>(std::max<int64_t>(budget.rows, 1));
  const int64_t first = lines_.consumed();
  const bool fail = context().bad_rows == data::BadRowPolicy::kFail;
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
      if (broken) {
        ARROW_RETURN_NOT_OK(RejectBroken(line));
      } else {
        while (tokens.at[token_] < line.end) ++token_;
        ARROW_RETURN_NOT_OK(RejectRecord(line, fault));
      }
    }
    CountMet(1);
    lines_.ConsumeTo(line.end + 1);
  }
  return static_cast<int64_t>(rows_.size());
}

Result<int64_t> JsonRangeReader::TakeElements(const Budget& budget) {
  const size_t width = walker_.size();
  const size_t most = static_cast<size_t>(std::max<int64_t>(budget.rows, 1));
  const int64_t first = lines_.consumed();
  const bool fail = context().bad_rows == data::BadRowPolicy::kFail;
  Element element;
  while (lines_.consumed() < lines_.complete() && rows_.size() < most) {
    const int64_t begin = lines_.consumed();
    const bool broken =
        broken_ < lines_.broken().size() && lines_.broken()[broken_].begin == begin;
    element = {};
    element.record = {.begin = begin, .end = begin, .number = records()};
    if (broken) {
      SkipBroken(&element);
    } else {
      cells_.resize(cells_.size() + width, 0);
      WalkElement(&element);
      if (!element.good) cells_.resize(cells_.size() - width);
    }
    const bool full = element.record.end + 1 - first > budget.bytes;
    const bool bad = !element.good && !element.blank;
    if (!rows_.empty() && (full || (bad && fail))) {
      // The rows before it first: what is delivered does not depend on the budget.
      if (element.good) cells_.resize(cells_.size() - width);
      break;
    }
    if (element.good) {
      rows_.push_back(element.record);
    } else if (broken) {
      ARROW_RETURN_NOT_OK(RejectBroken(element.record));
    } else if (bad) {
      ARROW_RETURN_NOT_OK(RejectRecord(element.record, element.fault));
    }
    CountMet(!element.blank);
    token_ = element.next_token;
    elements_->Consume(element.next);
  }
  if (lines_.consumed() == first && elements_->garbage() >= 0 &&
      first >= lines_.complete()) {
    const Where where{.file = file_->input.name,
                      .byte = lines_.offset() + elements_->garbage()};
    if (elements_->stray()) {
      return errors::kJsonStrayBracket.Make(where, "");
    }
    const int64_t end = lines_.end_offset() - lines_.offset();
    return errors::kJsonArrayTail.Make(where, "'{}'",
                                       Excerpt(TextOf(elements_->garbage(), end)));
  }
  return static_cast<int64_t>(rows_.size());
}

// The element at token_, its object into the last row of cells_.
void JsonRangeReader::WalkElement(Element* element) {
  const Tokens& tokens = lines_.tokens();
  const bool array = file_->layout == Layout::kArray;
  const int64_t stop = elements_->stop();
  const bool object = tokens.at[token_] < stop && tokens.kind(token_) == '{';
  uint32_t next = 0;
  if (object) [[likely]] {
    next = walker_.Walk(tokens, token_, cells_.data() + (cells_.size() - walker_.size()),
                        &element->fault);
  }
  element->record.begin = tokens.at[token_];
  if (next != 0) [[likely]] {
    const int64_t after = tokens.at[next];
    element->record.end = tokens.at[next - 1] + 1;
    if (!array) {
      element->next = element->record.end;
      element->next_token = next;
      element->good = true;
      return;
    }
    element->good = after >= stop ? !lines_.tail_open() : tokens.kind(next) == ',';
    if (element->good) [[likely]] {
      element->next = after + 1;
      element->next_token = after >= stop ? next : next + 1;
      return;
    }
    element->fault = {&errors::kJsonMalformed, tokens.at[next], -1,
                      "expected ',' or ']' behind the object"};
  } else if (!object) {
    element->fault = {&errors::kJsonNotObject, tokens.at[token_], -1, ""};
  }
  SkipElement(element);
}

// Finds the end of an element that is none, by brackets alone, and what to say of it.
void JsonRangeReader::SkipElement(Element* element) {
  const Tokens& tokens = lines_.tokens();
  const bool array = file_->layout == Layout::kArray;
  const int64_t stop = elements_->stop();
  int64_t depth = 0;
  uint32_t token = token_;
  bool found = false;
  element->record.end = stop;
  for (; tokens.at[token] < stop && !found; ++token) {
    const char kind = tokens.kind(token);
    if (kind == '{' || kind == '[') ++depth;
    if (kind == '}' || kind == ']') {
      --depth;
      found = !array && depth == 0;
      if (found) element->record.end = tokens.at[token] + 1;
    } else if (array && kind == ',' && depth == 0) {
      found = true;
      element->record.end = tokens.at[token];
    }
  }
  element->next = element->record.end + (array || !found);
  element->next_token = token;
  const bool empty = element->record.begin >= element->record.end;
  if (empty) element->record.begin = element->record.end;
  if (!found && empty) {
    // Nothing but spaces: an array without elements, or what stands behind the last of
    // some objects.
    const bool whole = lines_.consumed() + lines_.offset() == file_->data_begin;
    element->blank = !array || (whole && elements_->closes());
  }
  if (array && !found && lines_.tail_open()) {
    element->fault = {&errors::kJsonArrayCut, static_cast<uint32_t>(stop), -1,
                      "there is no ']'"};
  } else if (empty) {
    element->fault = {&errors::kJsonMalformed, static_cast<uint32_t>(element->record.end),
                      -1, "expected an object"};
  }
}

void JsonRangeReader::SkipBroken(Element* element) {
  const TokenBuffer::Broken& broken = lines_.broken()[broken_];
  const bool array = file_->layout == Layout::kArray;
  const bool last = broken.end >= elements_->stop();
  element->record.end = broken.end;
  element->next = broken.end + (array || (last && lines_.tail_open()));
  // Its text is blank: only the comma behind it is a token.
  element->next_token = array && !last ? token_ + 1 : token_;
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
  const TokenBuffer::Broken& broken = lines_.broken()[broken_++];
  return Reject(line,
                {.spec = SpecOf(broken.spec, line),
                 .byte = line.begin,
                 .text = fmt::format("'{}'", Excerpt(broken.raw))},
                broken.raw);
}

Status JsonRangeReader::RejectRecord(const Record& record, const json::Fault& fault) {
  const std::string_view raw = TextOf(record.begin, record.end);
  return Reject(
      record,
      {.spec = SpecOf(fault.spec, record),
       .byte = fault.byte,
       .column = fault.field >= 0 ? walker_.name(static_cast<size_t>(fault.field))
                                  : std::string(),
       .text = fmt::format("{}{}in '{}'", fault.text, fault.text.empty() ? "" : " ",
                           Excerpt(raw))},
      raw);
}

// What is wrong with a last record that has no end may be that it was cut.
const ErrorSpec* JsonRangeReader::SpecOf(const ErrorSpec* spec,
                                         const Record& line) const {
  const bool cut = spec == &errors::kJsonMalformed && lines_.tail_open() &&
                   line.end + 1 == lines_.complete();
  if (!cut) return spec;
  return file_->layout == Layout::kArray ? &errors::kJsonArrayCut
                                         : &errors::kJsonTruncated;
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
  return file_->layout == Layout::kLines ? CountLines(*file_, offset, context().pool)
                                         : CountElements(*file_, offset, context().pool);
}

}  // namespace millrace::formats::json
