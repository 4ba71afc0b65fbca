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

Status DeadLetterFile::Lock() { return LockDeadLetters(*files_, path_).Value(&lock_); }

Status DeadLetterFile::Open() {
  if (files_->Exists(path_)) ARROW_RETURN_NOT_OK(Lock());
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
  std::lock_guard lock(mutex_);
  if (!file_) ARROW_RETURN_NOT_OK(Open());
  std::string text;
  for (const DeadLetterRecord& letter : letters) text += DeadLetterLine(letter);
  return Append(text);
}

Status DeadLetterFile::Sync(bool last) {
  std::lock_guard lock(mutex_);
  if (!file_) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->Sync());
  if (!named_) {
    if (!lock_ && files_->Exists(path_)) ARROW_RETURN_NOT_OK(Lock());
    ARROW_RETURN_NOT_OK(CheckReplaced());
    ARROW_RETURN_NOT_OK(files_->Rename(temporary_, path_));
    named_ = true;
    ARROW_RETURN_NOT_OK(Lock());
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(io::DirectoryOf(path_)));
  }
  if (!last) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->Close());
  file_.reset();
  lock_.reset();
  return Status::OK();
}

Result<std::shared_ptr<void>> LockDeadLetters(io::FileSystem& files,
                                              const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto lock, files.TryLock(path));
  if (!lock) return errors::kLettersTaken.Make({.file = path}, "");
  return lock;
}

Status ReplaceDeadLetters(io::FileSystem& files, const std::string& path,
                          const std::vector<DeadLetterRecord>& letters) {
  if (letters.empty()) {
    ARROW_RETURN_NOT_OK(files.Remove(path));
    return files.SyncDirectory(io::DirectoryOf(path));
  }
  std::string text;
  for (const DeadLetterRecord& letter : letters) text += DeadLetterLine(letter);
  const std::string temporary = path + ".tmp";
  ARROW_ASSIGN_OR_RAISE(auto file, files.OpenWrite(temporary));
  ARROW_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
  ARROW_RETURN_NOT_OK(file->Sync());
  ARROW_RETURN_NOT_OK(file->Close());
  if (files.Exists(path)) ARROW_RETURN_NOT_OK(files.CopyPermissions(path, temporary));
  ARROW_RETURN_NOT_OK(files.Rename(temporary, path));
  return files.SyncDirectory(io::DirectoryOf(path));
}

}  // namespace millrace::engine
