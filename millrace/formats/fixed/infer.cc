#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/type.h>
#include <simdjson.h>

#include "millrace/formats/csv/rows.h"
#include "millrace/formats/csv/value_kinds.h"
#include "millrace/formats/fixed/errors.h"
#include "millrace/formats/fixed/open_file.h"

namespace millrace::formats::fixed {

namespace {

// Takes records off a sample.
class Cut {
 public:
  Cut(std::string_view text, int64_t length) : text_(text), length_(length) {}

  size_t at() const { return at_; }
  /// False when none is left that ends. `complete`: the last one needs no end.
  bool Next(bool complete, std::string_view* record) {
    if (at_ >= text_.size()) return false;
    if (length_ > 0) {
      const size_t size = OffsetOfCharacter(text_.substr(at_), length_);
      if (at_ + size == text_.size() && !complete) return false;
      *record = text_.substr(at_, size);
      if (IsEndOfFile(*record)) return false;
      at_ += size;
      return true;
    }
    const size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos && !complete) return false;
    *record = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    if (record->ends_with('\r')) record->remove_suffix(1);
    return true;
  }

 private:
  const std::string_view text_;
  const int64_t length_;
  size_t at_ = 0;
};

class Inference {
 public:
  explicit Inference(OpenFile* file)
      : file_(*file), settings_(file->settings), head_(file->input) {}

  Status Run(const std::shared_ptr<arrow::Schema>& declared);

  const InputHead& head() const { return head_; }

 private:
  Status LeaveOutFooter();
  Status ReadHead();
  Status NameFields(std::string_view record);
  void Observe(std::string_view text, bool complete);
  Status MapDeclared(const std::shared_ptr<arrow::Schema>& declared);
  void MakeSchema();

  OpenFile& file_;
  ReadSettings& settings_;
  InputHead head_;
  bool empty_ = false;
  std::vector<csv::ValueKinds> kinds_;
};

Status Inference::Run(const std::shared_ptr<arrow::Schema>& declared) {
  ARROW_RETURN_NOT_OK(LeaveOutFooter());
  ARROW_RETURN_NOT_OK(ReadHead());
  kinds_.resize(settings_.layout.fields.size());
  std::string_view text =
      std::string_view(head_.text()).substr(static_cast<size_t>(file_.data_begin));
  if (!file_.input.file && head_.complete()) {
    for (int64_t i = 0; i < settings_.skip_footer; ++i) {
      if (text.ends_with('\n')) text.remove_suffix(1);
      text = text.substr(0, text.rfind('\n') + 1);
    }
  }
  if (text.empty() && !declared && !settings_.layout.named) empty_ = true;
  if (empty_) return errors::kFixedEmpty.Make({.file = file_.input.name}, "");
  Observe(text, head_.complete());
  const bool places = !settings_.values.all_varchar && settings_.record_length == 0 &&
                      file_.input.file && !head_.complete();
  if (declared) return MapDeclared(declared);
  if (places) {
    const int64_t from = static_cast<int64_t>(head_.text().size());
    ARROW_RETURN_NOT_OK(ForEachPlace(file_.input, from, [this](std::string_view piece) {
      // The first line is cut; the sample begins after its end.
      const size_t line = piece.find('\n');
      if (line != std::string_view::npos) Observe(piece.substr(line + 1), false);
      return Status::OK();
    }));
  }
  MakeSchema();
  return Status::OK();
}

// Of a file the last lines are cut off here; those of a stream are held back as it is
// read.
Status Inference::LeaveOutFooter() {
  if (settings_.skip_footer == 0 || !file_.input.file) return Status::OK();
  constexpr int64_t kPiece = 64 * 1024;
  std::string piece;
  int64_t end = file_.input.file_size, lines = 0;
  // The last line may have no end.
  bool last = true;
  while (end > 0) {
    const int64_t size = std::min(kPiece, end);
    piece.resize(static_cast<size_t>(size));
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        ReadAt(file_.input, end - size, size, reinterpret_cast<uint8_t*>(piece.data())));
    if (got < size) break;
    for (int64_t i = size; i-- > 0;) {
      if (std::exchange(last, false) || piece[static_cast<size_t>(i)] != '\n') continue;
      if (++lines < settings_.skip_footer) continue;
      file_.input.file_size = end - size + i + 1;
      return Status::OK();
    }
    end -= size;
  }
  file_.input.file_size = 0;
  return Status::OK();
}

// Byte order mark, lines to skip, the header, and enough of the head for one record.
Status Inference::ReadHead() {
  int64_t wanted = settings_.values.sample_bytes;
  if (file_.input.file) wanted = std::min(wanted, file_.input.file_size);
  for (;;) {
    ARROW_RETURN_NOT_OK(head_.GrowTo(wanted));
    const std::string_view text = head_.text();
    size_t begin = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    bool enough = true;
    for (int64_t i = 0; i < settings_.values.skip_rows && enough; ++i) {
      const size_t end = text.find('\n', begin);
      enough = end != std::string_view::npos;
      begin = enough ? end + 1 : text.size();
    }
    Cut cut(text.substr(begin), settings_.record_length);
    std::string_view header, record;
    const bool complete = head_.complete();
    const bool has_header = settings_.header && cut.Next(complete, &header);
    enough &= has_header == settings_.header;
    file_.data_begin = static_cast<int64_t>(begin + cut.at());
    if (complete || (enough && cut.Next(false, &record))) {
      if (!has_header && !settings_.layout.named && settings_.header) empty_ = true;
      return NameFields(header);
    }
    if (static_cast<int64_t>(text.size()) >= settings_.values.max_record_bytes) {
      return errors::kFixedRecordTooLarge.Make(
          {.file = file_.input.name, .byte = file_.data_begin},
          "the first records have more than {} bytes", settings_.values.max_record_bytes);
    }
    wanted = std::max<int64_t>(static_cast<int64_t>(text.size()) * 2, 64 * 1024);
  }
}

Status Inference::NameFields(std::string_view record) {
  if (settings_.layout.named) return Status::OK();
  auto& fields = settings_.layout.fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = FieldText(record, fields[i], /*ascii=*/false, true);
    if (!simdjson::validate_utf8(name.data(), name.size())) {
      return errors::kFixedLayout.Make({.file = file_.input.name},
                                       "the name of field {} is not valid UTF-8", i + 1);
    }
    fields[i].name = name.empty() ? fmt::format("column{}", i + 1) : std::string(name);
    for (size_t before = 0; before < i; ++before) {
      if (fields[before].name != fields[i].name) continue;
      return errors::kFixedLayout.Make(
          {.file = file_.input.name, .column = fields[i].name},
          "fields {} and {} have one name", before + 1, i + 1);
    }
  }
  return Status::OK();
}

void Inference::Observe(std::string_view text, bool complete) {
  Cut cut(text, settings_.record_length);
  std::string_view record;
  std::string value;
  for (int64_t rows = 0;
       rows < settings_.values.sample_rows && cut.Next(complete, &record); ++rows) {
    for (size_t i = 0; i < kinds_.size(); ++i) {
      const std::string_view found =
          FieldText(record, settings_.layout.fields[i], /*ascii=*/false, true);
      if (found.empty() || settings_.values.IsNullSpelling(found)) continue;
      value = found;
      kinds_[i].Observe(&value, settings_.values);
    }
  }
}

// By name where all names are there, else by order.
Status Inference::MapDeclared(const std::shared_ptr<arrow::Schema>& declared) {
  const auto& fields = settings_.layout.fields;
  file_.schema = declared;
  for (const auto& column : declared->fields()) {
    const auto found = std::find_if(
        fields.begin(), fields.end(),
        [&](const FieldPlace& field) { return field.name == column->name(); });
    if (found == fields.end()) break;
    file_.columns.push_back({static_cast<size_t>(found - fields.begin()), false});
  }
  if (static_cast<int>(file_.columns.size()) < declared->num_fields()) {
    if (static_cast<int>(fields.size()) != declared->num_fields()) {
      return errors::kFixedSchemaMismatch.Make(
          {.file = file_.input.name,
           .column = declared->field(static_cast<int>(file_.columns.size()))->name()},
          "it is no field's name; {} columns are declared, there are {} fields",
          declared->num_fields(), fields.size());
    }
    file_.columns.clear();
    for (size_t i = 0; i < fields.size(); ++i) file_.columns.push_back({i, false});
  }
  for (ColumnPlan& plan : file_.columns) plan.dictionary = kinds_[plan.field].repeats();
  return Status::OK();
}

void Inference::MakeSchema() {
  arrow::FieldVector fields;
  for (size_t i = 0; i < kinds_.size(); ++i) {
    fields.push_back(arrow::field(settings_.layout.fields[i].name, kinds_[i].type()));
    file_.columns.push_back({i, kinds_[i].repeats()});
  }
  file_.schema = arrow::schema(std::move(fields));
}

}  // namespace

std::string_view FieldText(std::string_view record, const FieldPlace& field, bool ascii,
                           bool trim) {
  size_t begin = static_cast<size_t>(field.begin);
  size_t end = static_cast<size_t>(field.end);
  if (ascii) {
    begin = std::min(begin, record.size());
    end = std::min(end, record.size());
  } else {
    begin = OffsetOfCharacter(record, field.begin);
    end = begin + OffsetOfCharacter(record.substr(begin), field.end - field.begin);
  }
  if (trim) {
    while (begin < end && csv::IsBlank(record[begin])) ++begin;
    while (begin < end && csv::IsBlank(record[end - 1])) --end;
  }
  return record.substr(begin, end - begin);
}

Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, ReadSettings settings, const std::shared_ptr<arrow::Schema>& declared,
    const Context& context) {
  auto file = std::make_shared<OpenFile>();
  file->input = std::move(input);
  file->settings = std::move(settings);
  file->max_record_bytes = file->settings.values.max_record_bytes;
  Inference inference(file.get());
  ARROW_RETURN_NOT_OK(inference.Run(declared));
  file->KeepStreamHead(inference.head());
  return file;
}

Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool) {
  constexpr int64_t kPiece = 256 * 1024;
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool));
  int64_t records = 0, characters = 0;
  bool blank = true;
  for (int64_t at = file.data_begin; at < offset;) {
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        ReadAt(file.input, at, std::min(kPiece, offset - at), piece->mutable_data()));
    if (got == 0) break;
    for (int64_t i = 0; i < got; ++i) {
      const char c = static_cast<char>(piece->data()[i]);
      characters += BeginsCharacter(c);
      if (c == '\n') {
        records += !blank;
        blank = true;
      } else if (c != '\r') {
        blank = false;
      }
    }
    at += got;
  }
  const int64_t length = file.settings.record_length;
  return length > 0 ? characters / length : records;
}

}  // namespace millrace::formats::fixed
