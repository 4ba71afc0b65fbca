#include "millrace/connectors/files/destination.h"

#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/roll.h"
#include "millrace/io/path.h"

namespace millrace::files {

std::string Destination::target() const { return io::JoinedPath(directory, file); }

Result<Destination> ResolveDestination(io::FileSystem& files, const Parsed& options) {
  Destination out;
  out.path = options.path == "/dev/stdout" ? "-" : options.path;
  out.extension = "." + options.format->extension(options.format_options);
  const bool partitions = !options.own.GetString("partition_by").empty();
  const auto info = files.Stat(options.path);
  if (out.path == "-" || (info.ok() && !info->seekable && !info->directory)) {
    if (partitions) return errors::kPartitionsNeedFolder.Make({.file = out.path}, "");
    out.kind = Destination::Kind::kStream;
    return out;
  }
  const bool rolls = partitions || RollOptionsOf(options.own).any();
  if (options.path.ends_with('/') || rolls || (info.ok() && info->directory)) {
    out.kind = Destination::Kind::kFolder;
    out.directory = options.path;
    while (out.directory.size() > 1 && out.directory.ends_with('/')) {
      out.directory.pop_back();
    }
    return out;
  }
  ARROW_ASSIGN_OR_RAISE(const std::string real, files.Resolve(options.path));
  out.directory = io::DirectoryOf(real);
  out.file = io::NameOf(real);
  return out;
}

}  // namespace millrace::files
