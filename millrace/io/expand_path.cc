// Paths, folders and globs → the files that they name.
#include <algorithm>
#include <filesystem>

#include "millrace/io/errors.h"
#include "millrace/io/file_system.h"
#include "millrace/io/glob.h"

namespace millrace::io {

namespace {

std::string_view NameOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// The folders that lead to a place. A symbolic link may lead back to one of them, whose
// files would be found again and again.
class Way {
 public:
  explicit Way(FileSystem& files) : files_(files) {}

  /// Is `directory` entered for the first time? Leave it afterwards if so.
  bool Enter(const std::string& directory) {
    const auto info = files_.Stat(directory.empty() ? "." : directory);
    std::pair<uint64_t, uint64_t> identity{0, 0};
    if (info.ok()) identity = {info->device, info->inode};
    const bool known = identity.second != 0 &&
                       std::find(way_.begin(), way_.end(), identity) != way_.end();
    if (!known) way_.push_back(identity);
    return !known;
  }
  void Leave() { way_.pop_back(); }

 private:
  FileSystem& files_;
  std::vector<std::pair<uint64_t, uint64_t>> way_;  // device and inode
};

Status ListTree(FileSystem& files, const std::string& directory, Way& way,
                std::vector<FileInfo>& out) {
  if (!way.Enter(directory)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto entries, files.List(directory));
  for (FileInfo& entry : entries) {
    if (IsHidden(NameOf(entry.path))) continue;
    if (entry.directory) {
      ARROW_RETURN_NOT_OK(ListTree(files, entry.path, way, out));
    } else {
      out.push_back(std::move(entry));
    }
  }
  way.Leave();
  return Status::OK();
}

Status Descend(FileSystem& files, const std::string& base, std::string_view pattern,
               Way& way, std::vector<FileInfo>& out) {
  const size_t slash = pattern.find('/');
  const std::string_view part = pattern.substr(0, slash);
  const bool last = slash == std::string_view::npos;
  const std::string_view rest = last ? std::string_view() : pattern.substr(slash + 1);
  auto join = [&base](std::string_view name) {
    if (base.empty()) return std::string(name);
    return base.back() == '/' ? base + std::string(name) : base + "/" + std::string(name);
  };
  if (!HasGlob(part)) {
    const std::string path = part.empty() ? base + "/" : join(part);
    if (!last) return Descend(files, path, rest, way, out);
    auto info = files.Stat(path);
    if (!info.ok()) return Status::OK();
    if (info->directory) return ListTree(files, path, way, out);
    out.push_back(std::move(*info));
    return Status::OK();
  }
  auto entries = files.List(base);
  if (!entries.ok()) {
    return ErrorNumber(entries.status()) == errors::kFileNotFound.number
               ? Status::OK()
               : entries.status();
  }
  if (part == "**") {
    if (!way.Enter(base)) return Status::OK();
    ARROW_RETURN_NOT_OK(Descend(files, base, last ? "*" : rest, way, out));
    for (const FileInfo& entry : *entries) {
      if (entry.directory && !IsHidden(NameOf(entry.path))) {
        ARROW_RETURN_NOT_OK(Descend(files, entry.path, pattern, way, out));
      }
    }
    way.Leave();
    return Status::OK();
  }
  for (FileInfo& entry : *entries) {
    const std::string_view name = NameOf(entry.path);
    if (name.starts_with('.') && !part.starts_with('.')) continue;
    if (!MatchesName(part, name)) continue;
    if (!last) {
      if (entry.directory)
        ARROW_RETURN_NOT_OK(Descend(files, entry.path, rest, way, out));
    } else if (!entry.directory) {
      out.push_back(std::move(entry));
    }
  }
  return Status::OK();
}

// Absolute, without symbolic links in what stands before the first pattern.
std::string Canonical(FileSystem& files, const std::string& path) {
  const size_t glob = path.find_first_of("*?[{");
  const size_t fixed = glob == path.npos ? path.size() : path.rfind('/', glob) + 1;
  std::string begin = path.substr(0, fixed);
  if (begin.empty()) begin = ".";
  if (auto resolved = files.Resolve(begin); resolved.ok()) begin = *resolved;
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(begin, error) / path.substr(fixed);
  std::string out = whole.lexically_normal().string();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

}  // namespace

bool WouldExpandTo(FileSystem& files, const std::string& pattern,
                   const std::string& path) {
  std::vector<std::string> patterns = {pattern};
  if (HasGlob(pattern) && !files.Exists(pattern)) {
    patterns.clear();
    ExpandBraces(pattern, patterns);
  }
  const std::string whole = Canonical(files, path);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& one) {
    const std::string known = Canonical(files, one);
    // A folder's name stands for all that is in it.
    const bool folder = !HasGlob(NameOf(known)) && !IsHidden(NameOf(whole));
    return MatchesPath(known, whole) || (folder && MatchesPath(known + "/**", whole));
  });
}

Result<std::vector<FileInfo>> FileSystem::Expand(const std::string& pattern) {
  FileSystem& files = *this;
  std::vector<FileInfo> out;
  Way way(files);
  // A file whose name happens to hold a glob character is meant literally.
  if (!HasGlob(pattern) || files.Exists(pattern)) {
    ARROW_ASSIGN_OR_RAISE(FileInfo info, files.Stat(pattern));
    if (info.directory) {
      ARROW_RETURN_NOT_OK(ListTree(files, pattern, way, out));
    } else {
      out.push_back(std::move(info));
    }
  } else {
    std::vector<std::string> patterns;
    ExpandBraces(pattern, patterns);
    for (const std::string& one : patterns) {
      const bool absolute = one.starts_with('/');
      ARROW_RETURN_NOT_OK(Descend(files, absolute ? "/" : "",
                                  absolute ? std::string_view(one).substr(1) : one, way,
                                  out));
    }
  }
  return out;
}

Result<std::vector<FileInfo>> ExpandPath(FileSystem& files, const std::string& pattern) {
  ARROW_ASSIGN_OR_RAISE(std::vector<FileInfo> out, files.Expand(pattern));
  std::sort(out.begin(), out.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
  out.erase(
      std::unique(out.begin(), out.end(),
                  [](const FileInfo& a, const FileInfo& b) { return a.path == b.path; }),
      out.end());
  if (out.empty())
    return errors::kFileNotFound.Make({.file = pattern}, "nothing matches");
  return out;
}

}  // namespace millrace::io
