#pragma once

#include <memory>
#include <string>

#include "millrace/connectors/files/options.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// Where a sink's rows go: a stream, one file, or a folder of part files.
struct Destination {
  enum class Kind { kStream, kFile, kFolder };
  Kind kind = Kind::kFile;
  std::string path;       ///< as given
  std::string directory;  ///< that holds final and temporary names; "" is the working one
  std::string file;       ///< the single file's name
  std::string extension;  ///< of part files, with its dot

  /// The single file's path.
  std::string target() const;
};

/// A path ending in a slash, a folder that is there, or options that roll files mean a
/// folder; "-", a pipe or a device mean a stream, which is written as it stands. A
/// symbolic link is followed: what it points to is replaced, the link stays.
Result<Destination> ResolveDestination(io::FileSystem& files, const Parsed& options);

}  // namespace millrace::files
