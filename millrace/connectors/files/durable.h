// Changes of folders that survive a crash of the machine.
#pragma once

#include <string>
#include <string_view>

#include "millrace/io/file_system.h"

namespace millrace::files {

/// Make `path` and the folders above it that are missing, each synced into its parent.
Status MakeFolders(io::FileSystem& files, const std::string& path);

/// Give `path` these bytes, whole or not at all.
Status WriteWhole(io::FileSystem& files, const std::string& path, std::string_view bytes);

/// All of a small file.
Result<std::string> ReadWhole(io::FileSystem& files, const std::string& path);

}  // namespace millrace::files
