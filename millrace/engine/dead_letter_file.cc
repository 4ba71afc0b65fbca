#include "millrace/engine/dead_letter_file.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/errors.h"
#include "millrace/io/path.h"

namespace millrace::engine {

namespace {
// How every dead letter begins.
constexpr std::string_view kFirstField = "{\"code\":\"MR-";
}  // namespace

DeadLetterFile::DeadLetterFile(std::shared_ptr<io::FileSystem> files, std::string path)
    : files_(std::move(files)), path_(std::move(path)), temporary_(path_ + ".tmp") {}

DeadLetterFile::~DeadLetterFile() {
  if (file_) (void)files_->Remove(temporary_);
}

Status DeadLetterFile::CheckReplaced() const {
  if (!files_->Exists(path_)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenRead(path_));
  ARROW_ASSIGN_OR_RAISE(auto head, file->ReadAt(0, kFirstField.size()));
  if (head->size() == 0 || std::string_view(*head) == kFirstField) return Status::OK();
  return errors::kNotDeadLetters.Make({.file = path_}, "");
}

Status DeadLetterFile::Take(std::span<const data::DeadLetter> letters) {
  std::string text;
  for (const data::DeadLetter& letter : letters) {
    nlohmann::ordered_json line;
    line["code"] = fmt::format("MR-{:04}", letter.code);
    line["reason"] = letter.reason;
    if (!letter.where.file.empty()) line["file"] = letter.where.file;
    if (letter.where.row >= 0) line["row"] = letter.where.row;
    if (!letter.where.column.empty()) line["column"] = letter.where.column;
    if (letter.where.byte >= 0) line["byte"] = letter.where.byte;
    line["raw"] = letter.raw;
    // A raw record may be no UTF-8 at all; what is not is replaced, the byte offset still
    // leads to the original.
    text += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += '\n';
  }
  std::lock_guard lock(mutex_);
  if (!file_) {
    ARROW_RETURN_NOT_OK(CheckReplaced());
    ARROW_ASSIGN_OR_RAISE(file_, files_->OpenWrite(temporary_));
  }
  return file_->Write(text.data(), static_cast<int64_t>(text.size()));
}

Status DeadLetterFile::Publish() {
  std::lock_guard lock(mutex_);
  if (!file_) return Status::OK();
  ARROW_RETURN_NOT_OK(CheckReplaced());
  ARROW_RETURN_NOT_OK(file_->Sync());
  ARROW_RETURN_NOT_OK(file_->Close());
  ARROW_RETURN_NOT_OK(files_->Rename(temporary_, path_));
  file_.reset();
  return files_->SyncDirectory(io::DirectoryOf(path_));
}

}  // namespace millrace::engine
