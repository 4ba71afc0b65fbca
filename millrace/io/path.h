// Path text: the little that connectors do with names.
#pragma once

#include <string>

namespace millrace::io {

/// The last component of `path`.
inline std::string NameOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// What stands before the last component; "" for a bare name.
inline std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// `name` inside `directory`; "" is the working directory.
inline std::string JoinedPath(const std::string& directory, const std::string& name) {
  return directory.empty() || directory.back() == '/' ? directory + name
                                                      : directory + "/" + name;
}

}  // namespace millrace::io
