#include "millrace/io/object_store/object_file_system.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "millrace/io/errors.h"
#include "millrace/io/glob.h"
#include "millrace/io/http/http_client.h"
#include "millrace/io/object_store/remote_file.h"

namespace millrace::io {

namespace {

// Some tools put an empty object in the place of a folder.
bool IsFolderMark(const std::string& key) { return key.empty() || key.ends_with('/'); }

bool HasHiddenPart(std::string_view path) {
  for (;;) {
    const size_t slash = path.find('/');
    if (IsHidden(path.substr(0, slash))) return true;
    if (slash == path.npos) return false;
    path.remove_prefix(slash + 1);
  }
}

class ObjectFileSystem final : public FileSystem {
 public:
  ObjectFileSystem(std::shared_ptr<ObjectStore> store,
                   std::shared_ptr<MemoryBudget> memory, Executor* executor)
      : store_(std::move(store)), memory_(std::move(memory)), executor_(executor) {}

  Result<FileInfo> Stat(const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(std::string key, KeyOf(path));
    if (!IsFolderMark(key)) {
      auto info = Known(key);
      if (info.ok()) return FileOf(*info);
      if (ErrorNumber(info.status()) != errors::kFileNotFound.number ||
          !store_->can_list()) {
        return info.status();
      }
      key += '/';
    }
    bool found = key.empty();
    if (!found) {
      ARROW_RETURN_NOT_OK(store_->List(key, "/", [&](const ObjectPage& page) {
        found = !page.objects.empty() || !page.prefixes.empty();
        return Result<bool>(!found);
      }));
    }
    if (!found) return errors::kFileNotFound.Make({.file = path}, "no such object");
    FileInfo folder;
    folder.path = path;
    folder.directory = true;
    folder.seekable = false;
    folder.size = -1;
    return folder;
  }

  bool Exists(const std::string& path) override { return Stat(path).ok(); }

  Result<std::vector<FileInfo>> List(const std::string& directory) override {
    ARROW_ASSIGN_OR_RAISE(std::string prefix, KeyOf(directory));
    if (!IsFolderMark(prefix)) prefix += '/';
    std::vector<FileInfo> out;
    ARROW_RETURN_NOT_OK(store_->List(prefix, "/", [&](const ObjectPage& page) {
      for (const ObjectInfo& object : page.objects) {
        if (!IsFolderMark(object.key)) out.push_back(Met(object));
      }
      for (const std::string& folder : page.prefixes) {
        FileInfo info;
        info.path = store_->root() + folder.substr(0, folder.size() - 1);
        info.directory = true;
        info.seekable = false;
        info.size = -1;
        out.push_back(std::move(info));
      }
      return Result<bool>(true);
    }));
    if (out.empty()) return errors::kFileNotFound.Make({.file = directory}, "");
    std::sort(out.begin(), out.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return out;
  }

  Result<std::vector<FileInfo>> Expand(const std::string& pattern) override {
    std::vector<FileInfo> out;
    ARROW_ASSIGN_OR_RAISE(const std::string key, KeyOf(pattern));
    // A key that happens to hold a glob character is meant literally.
    auto info = IsFolderMark(key) ? Result<ObjectInfo>(Status::KeyError("")) : Known(key);
    if (info.ok()) return std::vector<FileInfo>{FileOf(*info)};
    const ErrorDetail* detail = ErrorDetail::Of(info.status());
    // A second request would only wait for the same.
    if (!store_->can_list() || (detail != nullptr && detail->retryable()))
      return info.status();
    if (!HasGlob(key)) {
      if (!IsFolderMark(key) &&
          ErrorNumber(info.status()) != errors::kFileNotFound.number) {
        return info.status();
      }
      ARROW_RETURN_NOT_OK(AddTree(IsFolderMark(key) ? key : key + "/", out));
      return out;
    }
    std::vector<std::string> patterns;
    ExpandBraces(key, patterns);
    for (const std::string& one : patterns) {
      if (HasGlob(one)) {
        ARROW_RETURN_NOT_OK(Descend("", one, out));
        continue;
      }
      auto file = Known(one);
      if (file.ok()) {
        out.push_back(FileOf(*file));
      } else if (ErrorNumber(file.status()) != errors::kFileNotFound.number) {
        return file.status();
      } else {
        ARROW_RETURN_NOT_OK(AddTree(one + "/", out));
      }
    }
    return out;
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(const std::string key, KeyOf(path));
    ARROW_ASSIGN_OR_RAISE(ObjectInfo info, Known(key));
    return std::make_shared<RemoteFile>(store_, std::move(info), memory_, executor_);
  }

  Result<std::unique_ptr<WritableFile>> OpenWrite(const std::string& path) override {
    return Refuse(path);
  }
  Result<std::string> Resolve(const std::string& path) override { return path; }
  Status CheckWritable(const std::string& path) override { return Refuse(path); }
  Status CopyPermissions(const std::string&, const std::string& to) override {
    return Refuse(to);
  }
  Status Rename(const std::string&, const std::string& to) override { return Refuse(to); }
  Status Remove(const std::string& path) override { return Refuse(path); }
  Status RemoveDirectory(const std::string& path) override { return Refuse(path); }
  Status CreateDirectories(const std::string& path) override { return Refuse(path); }
  Status SyncDirectory(const std::string& path) override { return Refuse(path); }
  Result<std::shared_ptr<void>> TryLock(const std::string& path) override {
    return Refuse(path);
  }

 private:
  static Status Refuse(const std::string& path) {
    return errors::kReadOnlyFiles.Make({.file = ShownUrl(path)}, "");
  }

  Result<std::string> KeyOf(const std::string& path) const {
    const std::string& root = store_->root();
    if (path.starts_with(root)) return path.substr(root.size());
    if (path + "/" == root) return std::string();
    return errors::kBadAddress.Make({.file = ShownUrl(path)}, "it is not below {}", root);
  }

  // The first answer holds: everything that is read of an object belongs together.
  Result<ObjectInfo> Known(const std::string& key) {
    {
      std::lock_guard lock(mutex_);
      const auto found = known_.find(key);
      if (found != known_.end()) return found->second;
    }
    ARROW_ASSIGN_OR_RAISE(ObjectInfo info, store_->Head(key));
    std::lock_guard lock(mutex_);
    return known_.try_emplace(key, std::move(info)).first->second;
  }
  FileInfo Met(const ObjectInfo& object) {
    std::lock_guard lock(mutex_);
    return FileOf(known_.try_emplace(object.key, object).first->second);
  }
  FileInfo FileOf(const ObjectInfo& object) const {
    FileInfo info;
    info.path = store_->root() + object.key;
    info.size = object.size;
    info.modified_micros = object.modified_micros;
    info.version = object.etag;
    return info;
  }

  Status AddTree(const std::string& folder, std::vector<FileInfo>& out) {
    return store_->List(folder, "", [&](const ObjectPage& page) {
      for (const ObjectInfo& object : page.objects) {
        const auto below = std::string_view(object.key).substr(folder.size());
        if (!IsFolderMark(object.key) && !HasHiddenPart(below))
          out.push_back(Met(object));
      }
      return Result<bool>(true);
    });
  }

  // `pattern` begins with what stands behind `base`, which ends in a slash or is empty.
  Status Descend(const std::string& base, std::string_view pattern,
                 std::vector<FileInfo>& out) {
    // Components without a wildcard are passed by.
    size_t literal = 0;
    const size_t wild = pattern.find_first_of("*?[");
    if (wild != pattern.npos) {
      const size_t slash = pattern.rfind('/', wild);
      literal = slash == pattern.npos ? 0 : slash + 1;
    } else {
      literal = pattern.size();
    }
    const std::string here = base + std::string(pattern.substr(0, literal));
    pattern.remove_prefix(literal);
    if (pattern.empty()) {
      if (IsFolderMark(here)) return AddTree(here, out);
      auto file = Known(here);
      if (file.ok()) out.push_back(FileOf(*file));
      const bool absent = ErrorNumber(file.status()) == errors::kFileNotFound.number;
      if (absent) return AddTree(here + "/", out);
      return file.status();
    }
    const size_t slash = pattern.find('/');
    const std::string_view part = pattern.substr(0, slash);
    const std::string prefix =
        here + std::string(part.substr(0, part.find_first_of("*?[")));
    // Below ** all keys are looked at anyway: one listing is cheaper than one a folder.
    if (pattern.find("**") != pattern.npos) {
      return store_->List(prefix, "", [&](const ObjectPage& page) {
        for (const ObjectInfo& object : page.objects) {
          const auto below = std::string_view(object.key).substr(here.size());
          if (!IsFolderMark(object.key) && MatchesPath(pattern, below))
            out.push_back(Met(object));
        }
        return Result<bool>(true);
      });
    }
    std::vector<std::string> folders;
    ARROW_RETURN_NOT_OK(store_->List(prefix, "/", [&](const ObjectPage& page) {
      for (const ObjectInfo& object : page.objects) {
        const auto name = std::string_view(object.key).substr(here.size());
        if (slash == pattern.npos && !IsFolderMark(object.key) && Matches(part, name))
          out.push_back(Met(object));
      }
      for (const std::string& folder : page.prefixes) {
        std::string_view name = std::string_view(folder).substr(here.size());
        name.remove_suffix(1);
        if (slash != pattern.npos && Matches(part, name)) folders.push_back(folder);
      }
      return Result<bool>(true);
    }));
    for (const std::string& folder : folders)
      ARROW_RETURN_NOT_OK(Descend(folder, pattern.substr(slash + 1), out));
    return Status::OK();
  }

  static bool Matches(std::string_view part, std::string_view name) {
    return (!name.starts_with('.') || part.starts_with('.')) && MatchesName(part, name);
  }

  const std::shared_ptr<ObjectStore> store_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;
  std::mutex mutex_;
  std::unordered_map<std::string, ObjectInfo> known_;  // by key
};

}  // namespace

std::shared_ptr<FileSystem> MakeObjectFileSystem(std::shared_ptr<ObjectStore> store,
                                                 std::shared_ptr<MemoryBudget> memory,
                                                 Executor* executor) {
  return std::make_shared<ObjectFileSystem>(std::move(store), std::move(memory),
                                            executor);
}

}  // namespace millrace::io
