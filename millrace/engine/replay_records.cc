#include "millrace/engine/replay_records.h"

#include <algorithm>
#include <charconv>

#include "millrace/io/path.h"

namespace millrace::engine {

namespace {

std::string HeaderOf(const std::vector<std::string>& fields, const LineForm& form) {
  std::string out;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += form.delimiter;
    const std::string& name = fields[i];
    const bool plain =
        name.find_first_of(std::string("\"\r\n ") + form.delimiter) == std::string::npos;
    if (form.quote < 0 || (plain && !name.empty())) {
      out += name;
      continue;
    }
    const char quote = static_cast<char>(form.quote);
    out += quote;
    for (const char c : name)
      out += c == quote ? std::string(2, quote) : std::string(1, c);
    out += quote;
  }
  return out + '\n';
}

}  // namespace

RecordForm FormOf(const DeadLetterRecord& letter) {
  return letter.fields.empty() && letter.raw.starts_with('{') ? RecordForm::kNamed
                                                              : RecordForm::kFields;
}

ReplayRecords::ReplayRecords(io::FileSystem* files, std::string folder)
    : files_(files), folder_(std::move(folder)) {}

ReplayRecords::~ReplayRecords() { Clear(); }

// Also what a replay left that was killed.
void ReplayRecords::Clear() {
  if (!files_->Exists(folder_)) return;
  if (auto left = files_->List(folder_); left.ok()) {
    for (const io::FileInfo& file : *left) (void)files_->Remove(file.path);
  }
  (void)files_->RemoveDirectory(folder_);
}

// A record that opens a quote and does not close it would swallow those behind it, so it
// gets a file of its own.
ReplayRecords::Piece& ReplayRecords::PieceFor(const DeadLetterRecord& letter,
                                              const LineForm& form) {
  const bool fields = FormOf(letter) == RecordForm::kFields;
  const bool shared =
      !fields || form.quote < 0 ||
      std::count(letter.raw.begin(), letter.raw.end(), static_cast<char>(form.quote)) %
              2 ==
          0;
  const std::vector<std::string> names =
      fields && form.header ? letter.fields : std::vector<std::string>();
  if (shared) {
    for (Piece& piece : pieces_) {
      if (piece.shared && piece.fields == names) return piece;
    }
  }
  Piece& piece = pieces_.emplace_back();
  piece.fields = names;
  piece.shared = shared;
  if (!names.empty()) piece.text = HeaderOf(names, form);
  return piece;
}

void ReplayRecords::Add(const DeadLetterRecord& letter, size_t index,
                        const LineForm& form) {
  Piece& piece = PieceFor(letter, form);
  std::string_view raw = letter.raw;
  while (raw.ends_with('\n') || raw.ends_with('\r')) raw.remove_suffix(1);
  piece.begins.push_back(static_cast<int64_t>(piece.text.size()));
  piece.letters.push_back(index);
  piece.text += raw;
  piece.text += '\n';
}

std::string ReplayRecords::NameOf(size_t piece) const {
  return fmt::format("{:06}{}", piece, extension_);
}

Status ReplayRecords::Write(const std::string& extension) {
  extension_ = extension;
  Clear();
  ARROW_RETURN_NOT_OK(files_->CreateDirectories(folder_));
  for (size_t i = 0; i < pieces_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto file,
                          files_->OpenWrite(io::JoinedPath(folder_, NameOf(i))));
    const std::string& text = pieces_[i].text;
    ARROW_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
    ARROW_RETURN_NOT_OK(file->Close());
  }
  return Status::OK();
}

int64_t ReplayRecords::LetterAt(const Where& where) const {
  const std::string name = io::NameOf(where.file);
  size_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  if (number >= pieces_.size() || name != NameOf(number) || where.byte < 0) return -1;
  const Piece& piece = pieces_[number];
  const auto after =
      std::upper_bound(piece.begins.begin(), piece.begins.end(), where.byte);
  if (after == piece.begins.begin()) return -1;
  return static_cast<int64_t>(
      piece.letters[static_cast<size_t>(after - piece.begins.begin()) - 1]);
}

}  // namespace millrace::engine
