#include "millrace/connectors/files/durable.h"

#include <vector>

#include <arrow/io/interfaces.h>

#include "millrace/base/failpoint.h"
#include "millrace/io/path.h"

namespace millrace::files {

Status MakeFolders(io::FileSystem& files, const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = path; !at.empty() && !files.Exists(at);
       at = io::DirectoryOf(at)) {
    missing.push_back(at);
  }
  if (missing.empty()) return Status::OK();
  ARROW_RETURN_NOT_OK(files.CreateDirectories(path));
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.folder.made"));
  for (const std::string& made : missing) {
    ARROW_RETURN_NOT_OK(files.SyncDirectory(io::DirectoryOf(made)));
  }
  return Status::OK();
}

Status WriteWhole(io::FileSystem& files, const std::string& path,
                  std::string_view bytes) {
  const std::string draft = path + ".new";
  ARROW_ASSIGN_OR_RAISE(auto file, files.OpenWrite(draft));
  ARROW_RETURN_NOT_OK(file->Write(bytes.data(), static_cast<int64_t>(bytes.size())));
  ARROW_RETURN_NOT_OK(file->Sync());
  ARROW_RETURN_NOT_OK(file->Close());
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.begin.rename"));
  ARROW_RETURN_NOT_OK(files.Rename(draft, path));
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.begin.renamed"));
  return files.SyncDirectory(io::DirectoryOf(path));
}

Result<std::string> ReadWhole(io::FileSystem& files, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, files.OpenRead(path));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  std::string bytes(static_cast<size_t>(size), '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t got, file->ReadAt(0, size, bytes.data()));
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

}  // namespace millrace::files
