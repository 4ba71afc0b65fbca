#include "millrace/formats/fixed/reader.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <simdjson.h>

#include "millrace/formats/csv/column.h"
#include "millrace/formats/fixed/errors.h"

namespace millrace::formats::fixed {

namespace {
// Larger pieces fall out of the second-level cache between records and columns.
constexpr int64_t kMaxChunk = 1024 * 1024;
}  // namespace

FixedRangeReader::FixedRangeReader(std::shared_ptr<const OpenFile> file,
                                   std::shared_ptr<RecordStarts> starts, size_t ordinal,
                                   const Pushdown& pushdown, const Context& context)
    : TextRangeReader(
          file, std::move(starts), ordinal, pushdown, context,
          std::make_unique<Records>(file->settings.record_length,
                                    file->input.file ? 0 : file->settings.skip_footer,
                                    context.pool),
          kMaxChunk),
      file_(std::move(file)),
      records_buffer_(static_cast<Records&>(buffer())) {}

Result<std::unique_ptr<RangeReader>> FixedRangeReader::Make(
    std::shared_ptr<const OpenFile> file, std::shared_ptr<RecordStarts> starts,
    size_t ordinal, const Pushdown& pushdown, const Context& context) {
  std::unique_ptr<FixedRangeReader> reader(new FixedRangeReader(
      std::move(file), std::move(starts), ordinal, pushdown, context));
  const OpenFile& open = *reader->file_;
  const ColumnSettings settings{.timestamp_format = open.settings.values.timestamp_format,
                                .pool = context.pool};
  for (const int column : reader->projection()) {
    const auto& field = open.schema->field(column);
    const size_t c = static_cast<size_t>(column);
    ARROW_ASSIGN_OR_RAISE(auto parser,
                          csv::MakeColumnParser(*field, open.columns[c].dictionary,
                                                open.settings.values.numbers, settings));
    reader->parsers_.push_back(std::move(parser));
    const bool text = arrow::is_base_binary_like(field->type()->id());
    reader->wanted_.push_back({open.field(c), !text || open.settings.trim});
  }
  return reader;
}

Result<int64_t> FixedRangeReader::TakeRows(const Budget& budget) {
  taken_.clear();
  ends_.clear();
  const bool ascii = !records_buffer_.has_non_ascii();
  const int64_t first = records_buffer_.consumed();
  int64_t at = first;
  while (records_buffer_.Has(at) &&
         static_cast<int64_t>(taken_.size()) < std::max<int64_t>(budget.rows, 1)) {
    Record record{.begin = at, .end = 0, .number = records()};
    const int64_t next = records_buffer_.Next(at, &record.end);
    if (!taken_.empty() && next - first > budget.bytes) break;
    const std::string_view text = TextOf(record.begin, record.end);
    const bool nothing =
        file_->settings.record_length == 0 ? text.empty() : IsEndOfFile(text);
    if (!nothing) {
      ARROW_RETURN_NOT_OK(TakeRecord(record, ascii));
      CountMet(1);
    }
    at = next;
  }
  records_buffer_.Consume(at);
  UseEnds();
  rows_.check_utf8 = false;
  if (!ascii) {
    // Whether all of it is valid is soon told, and the rule.
    const std::string_view text = TextOf(first, at);
    rows_.check_utf8 = !simdjson::validate_utf8(text.data(), text.size());
  }
  return static_cast<int64_t>(taken_.size());
}

Status FixedRangeReader::TakeRecord(const Record& record, bool ascii) {
  const std::string_view text = TextOf(record.begin, record.end);
  const ReadSettings& settings = file_->settings;
  if (settings.on_short != OnShort::kPad) {
    const int64_t have =
        ascii ? static_cast<int64_t>(text.size()) : CountCharacters(text);
    if (have < settings.layout.width) {
      return Reject(record,
                    {.spec = &errors::kFixedShort,
                     .byte = record.begin,
                     .column = {},
                     .text = fmt::format("it has {} characters of {}", have,
                                         settings.layout.width)},
                    text, settings.on_short == OnShort::kDeadLetter);
    }
  }
  PlaceFields(text, static_cast<uint32_t>(record.begin), ascii);
  taken_.push_back(record);
  return Status::OK();
}

void FixedRangeReader::PlaceFields(std::string_view text, uint32_t begin, bool ascii) {
  for (const Wanted& wanted : wanted_) {
    const std::string_view field = FieldText(text, wanted.place, ascii, wanted.trim);
    const uint32_t at = begin + static_cast<uint32_t>(field.data() - text.data());
    ends_.push_back(at - 1);
    ends_.push_back(at + static_cast<uint32_t>(field.size()));
  }
}

void FixedRangeReader::UseEnds() {
  const size_t stride = 2 * wanted_.size();
  // No field is the last one, whose line end would be taken off.
  rows_ = {.data = buffer().data(),
           .ends = ends_.empty() ? nullptr : ends_.data() + 1,
           .stride = stride,
           .count = static_cast<int64_t>(taken_.size()),
           .width = static_cast<int>(stride)};
}

Result<std::shared_ptr<arrow::Array>> FixedRangeReader::ParseColumn(
    size_t i, std::vector<BadValue>* bad) {
  return parsers_[i]->Parse({rows_, file_->settings.values, static_cast<int>(2 * i)},
                            bad);
}

std::string FixedRangeReader::ColumnName(size_t i) const {
  return file_->field(static_cast<size_t>(projection()[i])).name;
}

std::vector<std::string> FixedRangeReader::FieldNames() const {
  std::vector<std::string> names;
  for (const FieldPlace& field : file_->settings.layout.fields) {
    names.push_back(field.name);
  }
  return names;
}

void FixedRangeReader::KeepRows(const std::vector<int64_t>& rows) {
  const bool check_utf8 = rows_.check_utf8;
  const size_t stride = rows_.stride;
  size_t kept = 0;
  for (const int64_t row : rows) {
    const size_t from = static_cast<size_t>(row);
    taken_[kept] = taken_[from];
    std::copy_n(ends_.begin() + static_cast<ptrdiff_t>(from * stride), stride,
                ends_.begin() + static_cast<ptrdiff_t>(kept * stride));
    ++kept;
  }
  taken_.resize(kept);
  ends_.resize(kept * stride);
  UseEnds();
  rows_.check_utf8 = check_utf8;
}

const ErrorSpec& FixedRangeReader::too_large() const {
  return errors::kFixedRecordTooLarge;
}

Result<int64_t> FixedRangeReader::CountRecords(int64_t offset) const {
  return fixed::CountRecords(*file_, offset, context().pool);
}

}  // namespace millrace::formats::fixed
