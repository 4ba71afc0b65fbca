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
  int64_t end = info.size;
  for (int64_t at = 0; at < end;) {
    ARROW_ASSIGN_OR_RAISE(auto piece,
                          existing->ReadAt(at, std::min(kCopyBytes, end - at)));
    if (piece->size() == 0)
      return errors::kDestinationChanged.Make({.file = path}, "it has become shorter");
    if (at == 0) {
      const Status fits =
          format.CheckAppend(std::string_view(*piece), options, schema, context);
      if (!fits.ok()) return WithWhere(fits, {.file = path});
      const auto stays = format.AppendAt(*existing, info.size, options);
      if (!stays.ok()) return WithWhere(stays.status(), {.file = path});
      end = *stays;
      if (end == 0) break;
      if (end < piece->size()) piece = arrow::SliceBuffer(piece, 0, end);
    }
    ARROW_RETURN_NOT_OK(to.Write(piece->data(), piece->size()));
    at += piece->size();
  }
  if (end > 0) {
    const Status ended = format.EndLastRecord(existing, options, to, context);
    if (!ended.ok()) return WithWhere(ended, {.file = path});
  }
  return info;
}

}  // namespace millrace::files
