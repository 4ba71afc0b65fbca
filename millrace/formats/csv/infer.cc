#include "millrace/formats/csv/infer.h"

#include <algorithm>
#include <map>

#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include "millrace/formats/csv/errors.h"
#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/sample.h"
#include "millrace/formats/csv/value_kinds.h"
#include "millrace/formats/input.h"

namespace millrace::formats::csv {

namespace {

constexpr int64_t kPlaceRecords = 64 * 1024;  // looked at in a sampled place

// The plain text of a field; false for NULL.
bool TextOf(Field field, const Dialect& dialect, std::string* out) {
  const Text text = ContentOf(field, dialect);
  if (text.null) return false;
  out->assign(kPadding, '\0');
  out->resize(kPadding + text.field.size());
  char* begin = out->data() + kPadding;
  const char* end = Unescape(text.field, text.quoted, dialect, begin);
  out->resize(static_cast<size_t>(end - out->data()));
  out->erase(0, kPadding);
  return true;
}

// '\r' when the first line outside quotes ends in a lone one.
char DetectNewline(std::string_view text, const Dialect& dialect) {
  bool in_quote = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == dialect.escape) {
      ++i;
    } else if (c == dialect.quote) {
      in_quote = !in_quote;
    } else if (!in_quote && c == '\n') {
      return '\n';
    } else if (!in_quote && c == '\r') {
      return i + 1 < text.size() && text[i + 1] != '\n' ? '\r' : '\n';
    }
  }
  return '\n';
}

// Offset after `lines` physical lines; the text's size when there are fewer.
size_t SkipLines(std::string_view text, size_t at, int64_t lines) {
  for (; lines > 0 && at < text.size(); --lines) {
    const size_t end = text.find_first_of("\r\n", at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
    if (text[end] == '\r' && at < text.size() && text[at] == '\n') ++at;
  }
  return at;
}

class Inference {
 public:
  Inference(OpenFile* file, const std::shared_ptr<arrow::Schema>& declared,
            const OpenFile* first)
      : file_(*file),
        dialect_(file->dialect),
        declared_(declared),
        first_(first),
        head_(file->input) {}

  Status Run();

  const InputHead& head() const { return head_; }

 private:
  Status FindFirstRecord();
  void TakeSeparatorLine(std::string_view text);
  bool DecideHeader(const Sample& sample);
  Status NameColumns(const Sample& sample, bool header);
  Status CheckSameColumns() const;
  Status MapDeclared(bool header);
  void Count(const Sample& sample, int64_t from);
  Status SamplePlaces();
  void MakeSchema();

  OpenFile& file_;
  Dialect& dialect_;
  std::shared_ptr<arrow::Schema> declared_;
  const OpenFile* first_;
  InputHead head_;
  size_t begin_ = 0;  // of the first record, header included, in the head
  std::vector<ValueKinds> kinds_;
};

Status Inference::Run() {
  ARROW_RETURN_NOT_OK(FindFirstRecord());
  const std::string_view text = std::string_view(head_.text()).substr(begin_);
  // Unpadded size of a sample is bounded by sample_bytes; huge first records count too.
  Sample sample(text, dialect_, false, head_.complete(), dialect_.sample_rows + 1);
  file_.data_begin = static_cast<int64_t>(begin_);
  if (sample.num_records() == 0) {
    if (!text.empty() && !sample.valid_quotes() && !declared_) {
      return errors::kCsvUnclosedQuote.Make(
          {.file = file_.input.name, .row = 1, .byte = static_cast<int64_t>(begin_)},
          "the first record never ends");
    }
    if (!declared_) {
      return errors::kCsvEmpty.Make({.file = file_.input.name}, "");
    }
    for (const auto& field : declared_->fields()) file_.names.push_back(field->name());
    ARROW_RETURN_NOT_OK(MapDeclared(false));
    return Status::OK();
  }
  const bool header = DecideHeader(sample);
  file_.header = header;
  ARROW_RETURN_NOT_OK(NameColumns(sample, header));
  if (first_ != nullptr) ARROW_RETURN_NOT_OK(CheckSameColumns());
  if (header) file_.data_begin += sample.end_of(0);
  kinds_.resize(file_.names.size());
  Count(sample, header ? 1 : 0);
  if (declared_) return MapDeclared(header);
  if (!dialect_.all_varchar) ARROW_RETURN_NOT_OK(SamplePlaces());
  MakeSchema();
  return Status::OK();
}

// Byte order mark, lines to skip, line end, and enough of the head for one record.
Status Inference::FindFirstRecord() {
  int64_t wanted = dialect_.sample_bytes;
  for (;;) {
    ARROW_RETURN_NOT_OK(head_.GrowTo(wanted));
    const std::string_view text = head_.text();
    begin_ = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    TakeSeparatorLine(text);
    begin_ = SkipLines(text, begin_, dialect_.skip_rows);
    const std::string_view rest = text.substr(begin_);
    dialect_.newline = DetectNewline(rest, dialect_);
    if (head_.complete() || Sample(rest, dialect_, false, false, 2).num_records() >= 2) {
      return Status::OK();
    }
    if (static_cast<int64_t>(text.size()) >= dialect_.max_record_bytes) {
      return errors::kCsvRecordTooLarge.Make(
          {.file = file_.input.name, .byte = static_cast<int64_t>(begin_)},
          "the first records have more than {} bytes", dialect_.max_record_bytes);
    }
    wanted = std::max<int64_t>(static_cast<int64_t>(text.size()) * 2, 64 * 1024);
  }
}

// A first line `sep=;` is no record: it names the delimiter.
void Inference::TakeSeparatorLine(std::string_view text) {
  constexpr std::string_view kName = "sep=";
  const std::string_view line = text.substr(begin_);
  if (dialect_.delimiter_given || line.size() < kName.size() + 2 ||
      !line.starts_with(kName)) {
    return;
  }
  const char delimiter = line[kName.size()], after = line[kName.size() + 1];
  const int byte = static_cast<unsigned char>(delimiter);
  const bool taken =
      byte == dialect_.quote || byte == dialect_.escape || byte == dialect_.comment;
  if (taken || delimiter == '\n' || delimiter == '\r' ||
      (after != '\n' && after != '\r')) {
    return;
  }
  dialect_.delimiter = delimiter;
  begin_ = SkipLines(text, begin_, 1);
}

// Without an instruction, a first record of texts is a header. Where some are empty or
// equal, it is one only when the record below holds something else than text. With a
// declared schema its names decide, else whether the first record fits its types.
bool Inference::DecideHeader(const Sample& sample) {
  if (dialect_.header != Header::kAuto) return dialect_.header == Header::kPresent;
  if (first_ != nullptr) return first_->header;
  const int width = sample.width(0);
  std::vector<std::string> texts;
  std::string text;
  bool distinct = true;
  for (int c = 0; c < width; ++c) {
    if (!TextOf(sample.field(0, c), dialect_, &text)) text.clear();
    distinct &=
        !text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end();
    texts.push_back(text);
  }
  if (declared_) {
    bool fits = declared_->num_fields() == width;
    for (int c = 0; fits && c < width; ++c) {
      const auto& field = declared_->field(c);
      if (field->name() == texts[static_cast<size_t>(c)]) return true;
      const auto id = field->type()->id();
      const bool is_text = arrow::is_base_binary_like(id);
      fits = is_text || IsTyped(texts[static_cast<size_t>(c)], dialect_);
    }
    for (const auto& field : declared_->fields()) {
      if (std::find(texts.begin(), texts.end(), field->name()) == texts.end())
        return !fits;
    }
    return true;
  }
  for (const std::string& name : texts) {
    if (IsTyped(name, dialect_)) return false;
  }
  if (distinct) return true;
  for (int c = 0; sample.num_records() > 1 && c < sample.width(1); ++c) {
    if (TextOf(sample.field(1, c), dialect_, &text) && IsTyped(text, dialect_)) {
      return true;
    }
  }
  return false;
}

Status Inference::NameColumns(const Sample& sample, bool header) {
  std::map<std::string, int> seen;
  for (int c = 0; c < sample.width(0); ++c) {
    std::string name;
    if (header) TextOf(sample.field(0, c), dialect_, &name);
    if (name.empty()) name = fmt::format("column{}", c + 1);
    if (header && !simdjson::validate_utf8(name)) {
      return errors::kCsvInvalidUtf8.Make({.file = file_.input.name},
                                          "in the name of column {}", c + 1);
    }
    auto [found, added] = seen.emplace(name, c);
    if (!added && !declared_) {
      return errors::kCsvDuplicateColumn.Make({.file = file_.input.name, .column = name},
                                              "columns {} and {}", found->second + 1,
                                              c + 1);
    }
    file_.names.push_back(std::move(name));
  }
  return Status::OK();
}

// Files that are read as one table agree in their columns. Where names decide which is
// which, they may stand in another order.
Status Inference::CheckSameColumns() const {
  std::vector<std::string> mine = file_.names, theirs = first_->names;
  if (!first_->header) {
    if (mine.size() == theirs.size()) return Status::OK();
    return errors::kCsvSetDiffers.Make({.file = file_.input.name},
                                       "it has {} columns, the first file {}",
                                       mine.size(), theirs.size());
  }
  const auto fields = first_->schema->field_names();
  const bool by_name = std::all_of(fields.begin(), fields.end(), [&](const auto& name) {
    return std::find(theirs.begin(), theirs.end(), name) != theirs.end();
  });
  if (by_name) {
    std::sort(mine.begin(), mine.end());
    std::sort(theirs.begin(), theirs.end());
  }
  if (mine == theirs) return Status::OK();
  return errors::kCsvSetDiffers.Make(
      {.file = file_.input.name}, "it has ({}), the first file has ({})",
      fmt::join(file_.names, ", "), fmt::join(first_->names, ", "));
}

// Declared columns are found by their names in the header when all of them are there,
// else by their order.
Status Inference::MapDeclared(bool header) {
  file_.schema = declared_;
  std::vector<ColumnPlan> by_name;
  if (header) {
    for (const auto& field : declared_->fields()) {
      auto found = std::find(file_.names.begin(), file_.names.end(), field->name());
      if (found == file_.names.end()) break;
      by_name.push_back({static_cast<int>(found - file_.names.begin()), false});
    }
  }
  if (by_name.size() == static_cast<size_t>(declared_->num_fields())) {
    file_.columns = std::move(by_name);
  } else if (file_.width() == declared_->num_fields()) {
    for (int c = 0; c < file_.width(); ++c) file_.columns.push_back({c, false});
    if (!header) {
      for (int c = 0; c < file_.width(); ++c) {
        file_.names[static_cast<size_t>(c)] = declared_->field(c)->name();
      }
    }
  } else {
    return errors::kCsvSchemaMismatch.Make({.file = file_.input.name},
                                           "{} declared, the first record has {}",
                                           declared_->num_fields(), file_.width());
  }
  for (ColumnPlan& plan : file_.columns) {
    const size_t c = static_cast<size_t>(plan.file_column);
    plan.dictionary = c < kinds_.size() && kinds_[c].repeats();
  }
  return Status::OK();
}

void Inference::Count(const Sample& sample, int64_t from) {
  const int width = file_.width();
  std::string text;
  for (int64_t r = from; r < sample.num_records(); ++r) {
    const int fields = sample.width(r);
    if (fields > width || (fields < width && dialect_.on_ragged != Ragged::kNull))
      continue;
    for (int c = 0; c < fields; ++c) {
      if (TextOf(sample.field(r, c), dialect_, &text)) {
        kinds_[static_cast<size_t>(c)].Observe(&text, dialect_);
      }
    }
  }
}

// A few places in the rest of the file. Whether a place is inside quotes is not known
// without reading everything before it, so both are tried, and a place where neither
// gives clean records is passed over: it can only make types wider.
Status Inference::SamplePlaces() {
  if (!file_.input.file || head_.complete() || dialect_.sequential()) return Status::OK();
  const int64_t from = static_cast<int64_t>(head_.text().size());
  return ForEachPlace(file_.input, from, [this](std::string_view piece) {
    for (const bool inside : {false, true}) {
      if (inside && dialect_.quote < 0) break;
      // The first record is cut; the sample begins after its line end.
      std::string_view rest = piece;
      if (!inside) {
        const size_t line = rest.find(dialect_.newline);
        if (line == std::string_view::npos) continue;
        rest.remove_prefix(line + 1);
      }
      Sample sample(rest, dialect_, inside, false, kPlaceRecords);
      if (sample.num_records() == 0 || !sample.valid_quotes() ||
          !sample.all_of_width(file_.width())) {
        continue;
      }
      Count(sample, 0);
      break;
    }
    return Status::OK();
  });
}

void Inference::MakeSchema() {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (size_t c = 0; c < file_.names.size(); ++c) {
    fields.push_back(arrow::field(file_.names[c], kinds_[c].type()));
    file_.columns.push_back({static_cast<int>(c), kinds_[c].repeats()});
  }
  file_.schema = arrow::schema(std::move(fields));
}

}  // namespace

Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, Dialect dialect, const std::shared_ptr<arrow::Schema>& declared,
    const OpenFile* first, const Context& context) {
  auto file = std::make_shared<OpenFile>();
  file->input = std::move(input);
  file->dialect = std::move(dialect);
  file->max_record_bytes = file->dialect.max_record_bytes;
  Inference inference(file.get(), declared, first);
  ARROW_RETURN_NOT_OK(inference.Run());
  file->KeepStreamHead(inference.head());
  return file;
}

}  // namespace millrace::formats::csv
