// Paths, folders and globs → the files that they name.
#include <algorithm>
#include <filesystem>
#include <span>

#include "millrace/io/errors.h"
#include "millrace/io/file_system.h"

namespace millrace::io {

namespace {

bool HasGlob(std::string_view text) {
  return text.find_first_of("*?[{") != std::string_view::npos;
}

// "{a,b}c" → "ac", "bc"; the first group is opened, the rest by recursion.
void ExpandBraces(const std::string& pattern, std::vector<std::string>& out) {
  const size_t open = pattern.find('{');
  if (open == std::string::npos) {
    out.push_back(pattern);
    return;
  }
  int depth = 0;
  std::vector<size_t> cuts = {open};
  for (size_t i = open; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}') --depth;
    if (pattern[i] == ',' && depth == 1) cuts.push_back(i);
    if (depth == 0) {
      cuts.push_back(i);
      for (size_t part = 0; part + 1 < cuts.size(); ++part) {
        ExpandBraces(pattern.substr(0, open) +
                         pattern.substr(cuts[part] + 1, cuts[part + 1] - cuts[part] - 1) +
                         pattern.substr(i + 1),
                     out);
      }
      return;
    }
  }
  out.push_back(pattern);  // never closed: an ordinary character
}

// One path component against one pattern component; iterative, so no input makes it
// exponential.
bool MatchesName(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    bool matched = false;
    size_t next = p + 1;
    if (p < pattern.size()) {
      const char c = pattern[p];
      if (c == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      if (c == '?') {
        matched = true;
      } else if (c == '[') {
        size_t end = pattern.find(']', p + 2);
        if (end == std::string_view::npos) {
          matched = name[n] == c;
        } else {
          size_t i = p + 1;
          const bool negated = pattern[i] == '!' || pattern[i] == '^';
          if (negated) ++i;
          bool in = false;
          for (; i < end; ++i) {
            if (i + 2 < end && pattern[i + 1] == '-') {
              in |= name[n] >= pattern[i] && name[n] <= pattern[i + 2];
              i += 2;
            } else {
              in |= name[n] == pattern[i];
            }
          }
          matched = in != negated;
          next = end + 1;
        }
      } else {
        matched = c == name[n];
      }
    }
    if (matched) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view NameOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsHidden(std::string_view name) {
  return name.starts_with('.') || name.starts_with('_');
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

using Components = std::span<const std::string>;

// What Descend does, for one path: `pattern` against `path`, component by component.
bool MatchesPath(Components pattern, Components path) {
  const auto hidden = [](const std::string& name) { return IsHidden(name); };
  // A pattern that ends in a folder's name is all that is in it.
  if (pattern.empty()) return std::none_of(path.begin(), path.end(), hidden);
  if (path.empty()) return false;
  const std::string& part = pattern.front();
  const bool last = pattern.size() == 1;
  if (part == "**") {
    static const std::vector<std::string> any = {"*"};
    if (MatchesPath(last ? Components(any) : pattern.subspan(1), path)) return true;
    return path.size() > 1 && !IsHidden(path.front()) &&
           MatchesPath(pattern, path.subspan(1));
  }
  if (!HasGlob(part))
    return part == path.front() && MatchesPath(pattern.subspan(1), path.subspan(1));
  if (path.front().starts_with('.') && !part.starts_with('.')) return false;
  if (!MatchesName(part, path.front())) return false;
  return last ? path.size() == 1 : MatchesPath(pattern.subspan(1), path.subspan(1));
}

// Absolute, without symbolic links in what stands before the first pattern.
std::vector<std::string> ComponentsOf(FileSystem& files, const std::string& path) {
  const size_t glob = path.find_first_of("*?[{");
  const size_t fixed = glob == path.npos ? path.size() : path.rfind('/', glob) + 1;
  std::string begin = path.substr(0, fixed);
  if (begin.empty()) begin = ".";
  if (auto resolved = files.Resolve(begin); resolved.ok()) begin = *resolved;
  std::error_code error;
  const std::filesystem::path whole =
      std::filesystem::weakly_canonical(begin, error) / path.substr(fixed);
  std::vector<std::string> out;
  for (const auto& part : whole.lexically_normal()) {
    if (!part.empty() && part != "/") out.push_back(part.string());
  }
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
  const auto components = ComponentsOf(files, path);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& one) {
    return MatchesPath(ComponentsOf(files, one), components);
  });
}

Result<std::vector<FileInfo>> ExpandPath(FileSystem& files, const std::string& pattern) {
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
