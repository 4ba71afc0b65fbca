#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/object.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/shape.h"

namespace millrace::formats::json {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

class Inference {
 public:
  explicit Inference(OpenFile* file) : file_(*file), head_(file->input) {}

  Status Run(const std::shared_ptr<arrow::Schema>& declared);

  const InputHead& head() const { return head_; }

 private:
  Status ReadHead();
  Status Observe(std::string_view text, bool complete);
  Status SamplePlaces();

  OpenFile& file_;
  InputHead head_;
  Tokenizer tokenizer_;
  std::string line_;  // padded on both sides
  Shape shape_;
  int64_t records_ = 0, good_ = 0;
  Status first_fault_;
};

Status Inference::Run(const std::shared_ptr<arrow::Schema>& declared) {
  ARROW_RETURN_NOT_OK(ReadHead());
  const std::string_view text =
      std::string_view(head_.text()).substr(static_cast<size_t>(file_.data_begin));
  const size_t first = text.find_first_not_of(kBlank);
  if (first != std::string_view::npos && text[first] == '[') {
    return errors::kJsonArrayFile.Make(
        {.file = file_.input.name,
         .row = 1,
         .byte = file_.data_begin + static_cast<int64_t>(first)},
        "");
  }
  ARROW_RETURN_NOT_OK(Observe(text, head_.complete()));
  file_.declared = declared != nullptr;
  file_.schema = declared;
  if (!declared) {
    if (records_ == 0 && head_.complete()) {
      return errors::kJsonEmpty.Make({.file = file_.input.name}, "");
    }
    ARROW_RETURN_NOT_OK(SamplePlaces());
    if (good_ == 0) return first_fault_;
    file_.schema = arrow::schema(shape_.Fields());
  }
  // Columns that repeat in the sample, by name.
  const auto sampled = shape_.Fields();
  for (const auto& field : file_.schema->fields()) {
    const auto found = std::find_if(sampled.begin(), sampled.end(), [&](const auto& one) {
      return one->name() == field->name();
    });
    file_.dictionary.push_back(
        found != sampled.end() &&
        shape_.field(static_cast<size_t>(found - sampled.begin())).Repeats());
  }
  return Status::OK();
}

// Enough of the head for one line.
Status Inference::ReadHead() {
  int64_t wanted = file_.settings.sample_bytes;
  for (;;) {
    ARROW_RETURN_NOT_OK(head_.GrowTo(wanted));
    const std::string_view text = head_.text();
    file_.data_begin = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const size_t first =
        text.find_first_not_of(kBlank, static_cast<size_t>(file_.data_begin));
    if (head_.complete()) return Status::OK();
    if (first != std::string_view::npos &&
        (text[first] == '[' || text.find('\n', first) != std::string_view::npos)) {
      return Status::OK();
    }
    const int64_t size = static_cast<int64_t>(text.size());
    if (first != std::string_view::npos && size >= file_.settings.max_record_bytes) {
      return errors::kJsonRecordTooLarge.Make(
          {.file = file_.input.name, .row = 1, .byte = file_.data_begin},
          "the first line has more than {} bytes", file_.settings.max_record_bytes);
    }
    wanted = std::max<int64_t>(size * 2, 64 * 1024);
  }
}

// Lines are looked at one by one here, so that a bad one hides no other. `complete`: the
// input ends where the text does, so a last line without end counts.
Status Inference::Observe(std::string_view text, bool complete) {
  int64_t rows = 0;
  for (size_t at = 0; at < text.size() && rows < file_.settings.sample_rows;) {
    size_t end = text.find('\n', at);
    if (end == std::string_view::npos) {
      if (!complete) break;
      end = text.size();
    }
    const std::string_view line = text.substr(at, end - at);
    const size_t begin = at;
    at = end + 1;
    if (line.find_first_not_of(kBlank) == std::string_view::npos) continue;
    ++rows;
    ++records_;
    line_.assign(kPadding, '\0');
    line_.append(line);
    line_ += '\n';
    line_.append(kPadding, '\0');
    ARROW_ASSIGN_OR_RAISE(
        const ErrorSpec* fault,
        tokenizer_.Run(line_.data() + kPadding, static_cast<int64_t>(line.size() + 1)));
    const Tokens& tokens = tokenizer_.tokens();
    if (fault == nullptr && tokens.kind(0) != '{') fault = &errors::kJsonNotObject;
    if (fault == nullptr && CheckValue(tokens, 0) != tokens.count) {
      fault = &errors::kJsonMalformed;
    }
    if (fault != nullptr) {
      if (first_fault_.ok()) {
        first_fault_ =
            fault->Make({.file = file_.input.name,
                         .row = records_,
                         .byte = file_.data_begin + static_cast<int64_t>(begin)},
                        "'{}'; no line of the sample could be read", Excerpt(line));
      }
      continue;
    }
    ++good_;
    shape_.Observe(tokens, 0);
  }
  return Status::OK();
}

// A few places in the rest of the file, for columns and types that come late.
Status Inference::SamplePlaces() {
  if (!file_.input.file || head_.complete()) return Status::OK();
  const int64_t from = static_cast<int64_t>(head_.text().size());
  return ForEachPlace(file_.input, from, [this](std::string_view piece) {
    // The first line is cut; the sample begins after its end.
    const size_t line = piece.find('\n');
    if (line == std::string_view::npos) return Status::OK();
    return Observe(piece.substr(line + 1), false);
  });
}

}  // namespace

Result<std::shared_ptr<const OpenFile>> InferFile(
    Input input, const ReadSettings& settings,
    const std::shared_ptr<arrow::Schema>& declared, const Context& context) {
  auto file = std::make_shared<OpenFile>();
  file->input = std::move(input);
  file->settings = settings;
  file->max_record_bytes = settings.max_record_bytes;
  Inference inference(file.get());
  ARROW_RETURN_NOT_OK(inference.Run(declared));
  file->KeepStreamHead(inference.head());
  return file;
}

Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool) {
  constexpr int64_t kPiece = 256 * 1024;
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool));
  int64_t records = 0;
  bool blank = true;
  for (int64_t at = file.data_begin; at < offset;) {
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        ReadAt(file.input, at, std::min(kPiece, offset - at), piece->mutable_data()));
    if (got == 0) break;
    for (int64_t i = 0; i < got; ++i) {
      const char c = static_cast<char>(piece->data()[i]);
      if (c == '\n') {
        records += !blank;
        blank = true;
      } else {
        blank &= Tokens::IsSpace(c);
      }
    }
    at += got;
  }
  return records;
}

}  // namespace millrace::formats::json
