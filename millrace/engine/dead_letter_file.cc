#include "millrace/engine/dead_letter_file.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/engine/errors.h"
#include "millrace/io/path.h"

namespace millrace::engine {

namespace {
// How every dead letter begins.
constexpr std::string_view kFirstField = "{\"code\":\"MR-";
}  // namespace

DeadLetterFile::DeadLetterFile(std::shared_ptr<io::FileSystem> files, std::string path,
                               bool continues)
    : files_(std::move(files)),
      path_(std::move(path)),
      temporary_(path_ + ".tmp"),
      continues_(continues) {}

DeadLetterFile::~DeadLetterFile() {
  if (file_ && !named_) (void)files_->Remove(temporary_);
}

Status DeadLetterFile::CheckReplaced() const {
  if (!files_->Exists(path_)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenRead(path_));
  ARROW_ASSIGN_OR_RAISE(auto head, file->ReadAt(0, kFirstField.size()));
  if (head->size() == 0 || std::string_view(*head) == kFirstField) return Status::OK();
  return errors::kNotDeadLetters.Make({.file = path_}, "");
}

Status DeadLetterFile::Append(const std::string& text) {
  return file_->Write(text.data(), static_cast<int64_t>(text.size()));
}

Status DeadLetterFile::Open() {
  ARROW_RETURN_NOT_OK(CheckReplaced());
  std::string kept;
  if (continues_ && files_->Exists(path_)) {
    // Line by line, so that one that a kill cut short does not stand in the middle.
    ARROW_ASSIGN_OR_RAISE(const auto letters, ReadDeadLetters(*files_, path_));
    for (const DeadLetterRecord& letter : letters) kept += DeadLetterLine(letter);
  }
  ARROW_ASSIGN_OR_RAISE(file_, files_->OpenWrite(temporary_));
  return Append(kept);
}

Status DeadLetterFile::Add(const std::vector<DeadLetterRecord>& letters) {
  if (letters.empty()) return Status::OK();
  if (!file_) ARROW_RETURN_NOT_OK(Open());
  std::string text;
  for (const DeadLetterRecord& letter : letters) text += DeadLetterLine(letter);
  return Append(text);
}

Status DeadLetterFile::Sync(bool last) {
  if (!file_) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->Sync());
  if (!named_) {
    ARROW_RETURN_NOT_OK(CheckReplaced());
    ARROW_RETURN_NOT_OK(files_->Rename(temporary_, path_));
    named_ = true;
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(io::DirectoryOf(path_)));
  }
  if (!last) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->Close());
  file_.reset();
  return Status::OK();
}

}  // namespace millrace::engine
