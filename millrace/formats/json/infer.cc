#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/object.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/shape.h"
#include "millrace/formats/json/structure.h"

namespace millrace::formats::json {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

// Where the records of a sample end.
class Cut {
 public:
  Cut(std::string_view text, Layout layout)
      : text_(text), layout_(layout), ends_(layout, {.depth = RecordDepth(layout)}) {}

  /// The next record without what parts it from others; false when there is none that
  /// ends. `complete`: the last one needs no end.
  bool Next(bool complete, size_t* begin, size_t* end) {
    if (at_ >= text_.size()) return false;
    *begin = at_;
    size_t i = layout_ == Layout::kLines ? std::min(text_.find('\n', at_), text_.size())
                                         : EndOfElement();
    if (i == text_.size() && !complete) return false;
    const bool takes_end = layout_ == Layout::kObjects && i < text_.size();
    *end = takes_end ? i + 1 : i;
    at_ = i + 1;
    return true;
  }

 private:
  size_t EndOfElement() {
    size_t i = at_;
    for (; i < text_.size(); ++i) {
      const RecordEnds::End end = ends_.Step(text_[i]);
      if (end == RecordEnds::End::kNone) continue;
      // The reader looks at what follows an array.
      if (end == RecordEnds::End::kAll) text_ = text_.substr(0, i + 1);
      break;
    }
    return i;
  }

  std::string_view text_;
  Layout layout_;
  RecordEnds ends_;
  size_t at_ = 0;
};

class Inference {
 public:
  explicit Inference(OpenFile* file) : file_(*file), head_(file->input) {}

  Status Run(const std::shared_ptr<arrow::Schema>& declared);

  const InputHead& head() const { return head_; }

 private:
  Status ReadHead();
  Status DecideLayout(size_t first);
  Result<const ErrorSpec*> Tokenize(std::string_view record);
  Status Observe(std::string_view text, bool complete);
  void KeepCommon(const Tokens& tokens);
  Result<bool> IsElement(std::string_view record);
  Status ObserveElements(std::string_view piece);
  Status SamplePlaces();

  std::string_view HeadRecords() const {
    return std::string_view(head_.text()).substr(static_cast<size_t>(file_.data_begin));
  }

  OpenFile& file_;
  InputHead head_;
  Tokenizer tokenizer_;
  std::string line_;  // padded on both sides
  Shape shape_;
  int64_t records_ = 0, good_ = 0;
  Status first_fault_;
  // The fields of the first record, and which of them all records of the head have.
  std::unique_ptr<ObjectWalker> walker_;
  std::vector<bool> common_;
};

Status Inference::Run(const std::shared_ptr<arrow::Schema>& declared) {
  ARROW_RETURN_NOT_OK(ReadHead());
  ARROW_RETURN_NOT_OK(Observe(HeadRecords(), head_.complete()));
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

// Enough of the head for one record.
Status Inference::ReadHead() {
  int64_t wanted = file_.settings.sample_bytes;
  for (;;) {
    ARROW_RETURN_NOT_OK(head_.GrowTo(wanted));
    const std::string_view text = head_.text();
    const size_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const size_t first = text.find_first_not_of(kBlank, mark);
    file_.data_begin = static_cast<int64_t>(mark);
    const bool some = first != std::string_view::npos;
    if (some) {
      ARROW_RETURN_NOT_OK(DecideLayout(first));
      size_t begin, end;
      Cut cut(HeadRecords(), file_.layout);
      while (cut.Next(false, &begin, &end)) {
        if (HeadRecords().substr(begin, end - begin).find_first_not_of(kBlank) !=
            std::string_view::npos) {
          return Status::OK();
        }
      }
    }
    if (head_.complete()) {
      if (file_.layout == Layout::kArray &&
          HeadRecords().find_first_not_of(kBlank) == std::string_view::npos) {
        return errors::kJsonArrayCut.Make(
            {.file = file_.input.name, .byte = static_cast<int64_t>(text.size())},
            "there is no ']'");
      }
      return Status::OK();
    }
    const int64_t size = static_cast<int64_t>(text.size());
    if (some && size >= file_.settings.max_record_bytes) {
      return errors::kJsonRecordTooLarge.Make(
          {.file = file_.input.name, .row = 1, .byte = file_.data_begin},
          "the first one has more than {} bytes", file_.settings.max_record_bytes);
    }
    wanted = std::max<int64_t>(size * 2, 64 * 1024);
  }
}

// `first`: of the bytes that are no space. Moves data_begin behind an opening bracket.
Status Inference::DecideLayout(size_t first) {
  const std::string_view text = head_.text();
  const bool bracket = text[first] == '[';
  const Where where{
      .file = file_.input.name, .row = 1, .byte = static_cast<int64_t>(first)};
  if (file_.settings.layout) {
    file_.layout = *file_.settings.layout;
  } else if (bracket) {
    file_.layout = Layout::kArray;
  } else {
    // A line that ends where an object can't is one of several that an object has. A
    // line that was cut elsewhere is a bad line.
    Structure at;
    const size_t end = std::min(text.find('\n', first), text.size());
    for (size_t i = first; i < end; ++i) at.Step(text[i]);
    const size_t last = text.find_last_not_of(kBlank, end == 0 ? 0 : end - 1);
    const bool goes_on =
        end < text.size() && !at.in_string && at.depth > 0 &&
        std::string_view("{[,:").find(text[last]) != std::string_view::npos;
    file_.layout = goes_on ? Layout::kObjects : Layout::kLines;
  }
  if (file_.layout == Layout::kLines && bracket) {
    return errors::kJsonArrayFile.Make(where, "");
  }
  if (file_.layout != Layout::kArray) return Status::OK();
  if (!bracket) {
    return errors::kJsonNoArray.Make(where, "it begins with '{}'",
                                     Excerpt(text.substr(first, 1)));
  }
  file_.data_begin = static_cast<int64_t>(first) + 1;
  return Status::OK();
}

// Answers why it can't be an object.
Result<const ErrorSpec*> Inference::Tokenize(std::string_view record) {
  line_.assign(kPadding, '\0');
  line_.append(record);
  line_ += '\n';
  line_.append(kPadding, '\0');
  ARROW_ASSIGN_OR_RAISE(
      const ErrorSpec* fault,
      tokenizer_.Run(line_.data() + kPadding, static_cast<int64_t>(record.size() + 1)));
  const Tokens& tokens = tokenizer_.tokens();
  if (fault == nullptr && tokens.kind(0) != '{') fault = &errors::kJsonNotObject;
  if (fault == nullptr && CheckValue(tokens, 0) != tokens.count) {
    fault = &errors::kJsonMalformed;
  }
  return fault;
}

// Records are looked at one by one here, so that a bad one hides no other. `complete`:
// the input ends where the text does, so a last record without end counts.
Status Inference::Observe(std::string_view text, bool complete) {
  Cut cut(text, file_.layout);
  size_t begin = 0, end = 0;
  for (int64_t rows = 0;
       rows < file_.settings.sample_rows && cut.Next(complete, &begin, &end);) {
    const std::string_view record = text.substr(begin, end - begin);
    if (record.find_first_not_of(kBlank) == std::string_view::npos) continue;
    ++rows;
    ++records_;
    ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, Tokenize(record));
    if (fault != nullptr) {
      if (first_fault_.ok()) {
        first_fault_ =
            fault->Make({.file = file_.input.name,
                         .row = records_,
                         .byte = file_.data_begin + static_cast<int64_t>(begin)},
                        "'{}'; no record of the sample could be read", Excerpt(record));
      }
      continue;
    }
    ++good_;
    shape_.Observe(tokenizer_.tokens(), 0);
    if (file_.layout != Layout::kLines) KeepCommon(tokenizer_.tokens());
  }
  return Status::OK();
}

void Inference::KeepCommon(const Tokens& tokens) {
  if (!walker_) {
    std::vector<std::string> names;
    for (const auto& field : shape_.Fields()) names.push_back(field->name());
    common_.assign(names.size(), true);
    walker_ = std::make_unique<ObjectWalker>(std::move(names), false);
  }
  std::vector<uint32_t> cells(walker_->size());
  Fault fault;
  walker_->Walk(tokens, 0, cells.data(), &fault);
  for (size_t i = 0; i < cells.size(); ++i) common_[i] = common_[i] && cells[i] != 0;
}

// Is this a record such as those of the head, or an object within one?
Result<bool> Inference::IsElement(std::string_view record) {
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, Tokenize(record));
  if (fault != nullptr) return false;
  std::vector<uint32_t> cells(walker_->size());
  Fault other;
  if (walker_->Walk(tokenizer_.tokens(), 0, cells.data(), &other) == 0) return false;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (common_[i] && cells[i] == 0) return false;
  }
  return true;
}

// What stands before the piece is not known, so the first object of it that has all
// fields that records of the head have is taken for one. Where there is none the piece is
// passed over: it can only make types wider.
Status Inference::ObserveElements(std::string_view piece) {
  constexpr int kTries = 256;
  if (std::find(common_.begin(), common_.end(), true) == common_.end()) {
    return Status::OK();
  }
  size_t at = piece.find('{');
  for (int i = 0; i < kTries && at != std::string_view::npos; ++i) {
    Cut cut(piece.substr(at), file_.layout);
    size_t begin, end;
    if (cut.Next(false, &begin, &end)) {
      ARROW_ASSIGN_OR_RAISE(const bool found, IsElement(piece.substr(at, end)));
      if (found) return Observe(piece.substr(at), false);
    }
    at = piece.find('{', at + 1);
  }
  return Status::OK();
}

// A few places in the rest of the file, for columns and types that come late.
Status Inference::SamplePlaces() {
  if (!file_.input.file || head_.complete()) return Status::OK();
  const int64_t from = static_cast<int64_t>(head_.text().size());
  return ForEachPlace(file_.input, from, [this](std::string_view piece) {
    if (file_.layout != Layout::kLines) return ObserveElements(piece);
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

Result<int64_t> CountLines(const OpenFile& file, int64_t offset,
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
