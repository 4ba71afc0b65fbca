#include "millrace/connectors/files/existing.h"

#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/connectors/files/errors.h"

namespace millrace::files {

namespace {
constexpr int64_t kCopyBytes = 4 << 20;
constexpr int64_t kExistingHeadBytes = 64 << 10;
}  // namespace

Status CheckExisting(io::FileSystem& files, const std::string& path,
                     const formats::Format& format, const Config& options,
                     const arrow::Schema& schema, const formats::Context& context) {
  if (!files.Exists(path)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto existing, files.OpenRead(path));
  ARROW_ASSIGN_OR_RAISE(auto head, existing->ReadAt(0, kExistingHeadBytes));
  if (head->size() == 0) return Status::OK();
  const Status fits =
      format.CheckAppend(std::string_view(*head), options, schema, context);
  return fits.ok() ? fits : WithWhere(fits, {.file = path});
}

Result<io::FileInfo> CopyExisting(io::FileSystem& files, const std::string& path,
                                  const formats::Format& format, const Config& options,
                                  const arrow::Schema& schema, io::WritableFile& to,
                                  const formats::Context& context) {
  ARROW_ASSIGN_OR_RAISE(const io::FileInfo info, files.Stat(path));
  ARROW_ASSIGN_OR_RAISE(auto existing, files.OpenRead(path));
  for (int64_t at = 0; at < info.size;) {
    ARROW_ASSIGN_OR_RAISE(auto piece,
                          existing->ReadAt(at, std::min(kCopyBytes, info.size - at)));
    if (piece->size() == 0)
      return errors::kDestinationChanged.Make({.file = path}, "it has become shorter");
    if (at == 0) {
      const Status fits =
          format.CheckAppend(std::string_view(*piece), options, schema, context);
      if (!fits.ok()) return WithWhere(fits, {.file = path});
    }
    ARROW_RETURN_NOT_OK(to.Write(piece->data(), piece->size()));
    at += piece->size();
  }
  if (info.size > 0) {
    const Status ended = format.EndLastRecord(existing, options, to, context);
    if (!ended.ok()) return WithWhere(ended, {.file = path});
  }
  return info;
}

}  // namespace millrace::files
