#include "millrace/connectors/files/watched_files.h"

#include <algorithm>
#include <set>

#include <arrow/io/interfaces.h>

#include "millrace/io/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

// Polls are that much rarer while the system tells changes.
constexpr int64_t kSafetyNet = 10;
// Scans in a row that must miss a file before it counts as deleted, and the time between
// them.
constexpr int kMissedIsGone = 3;
constexpr int64_t kLookAgainNanos = 20'000'000;

class Call final : public Wakeable {
 public:
  explicit Call(std::function<void()> call) : call_(std::move(call)) {}
  void Wake() override { call_(); }

 private:
  const std::function<void()> call_;
};

void AddFolders(io::FileSystem& files, const std::string& folder,
                std::set<std::string>* out) {
  out->insert(folder);
  const auto entries = files.List(folder);
  if (!entries.ok()) return;
  for (const io::FileInfo& entry : *entries) {
    const std::string name = io::NameOf(entry.path);
    if (entry.directory && !name.starts_with('.') && !name.starts_with('_')) {
      AddFolders(files, entry.path, out);
    }
  }
}

}  // namespace

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenIdentified(
    io::FileSystem& files, const io::FileInfo& info) {
  auto opened = files.OpenRead(info.path);
  if (!opened.ok()) {
    if (ErrorNumber(opened.status()) == errors::kFileNotFound.number) return nullptr;
    return opened.status();
  }
  // The name led to the file before and leads to it after: it led to it in between.
  const auto after = files.Stat(info.path);
  if (!after.ok() || IdentityOf(*after) != IdentityOf(info) ||
      !BornAlike(after->born_micros, info.born_micros)) {
    return nullptr;
  }
  return opened;
}

std::string WatchedFile::path() const {
  std::lock_guard guard(mutex_);
  return path_;
}

FileMark WatchedFile::mark() const {
  std::lock_guard guard(mutex_);
  return mark_;
}

void WatchedFile::SetMark(const FileMark& mark) {
  std::lock_guard guard(mutex_);
  mark_ = mark;
}

bool WatchedFile::gone() const {
  std::lock_guard guard(mutex_);
  return gone_;
}

void WatchedFile::WakeOnChange(const Waker& waker) {
  std::lock_guard guard(mutex_);
  waker_ = waker;
}

void WatchedFile::Wake() {
  Waker waker;
  {
    std::lock_guard guard(mutex_);
    waker = waker_;
  }
  waker.Wake();
}

void WatchedFile::Moved(std::string path) {
  {
    std::lock_guard guard(mutex_);
    path_ = std::move(path);
  }
  Wake();
}

void WatchedFile::Gone() {
  {
    std::lock_guard guard(mutex_);
    gone_ = true;
  }
  Wake();
}

bool WatchedFile::IsNews(int64_t size, int64_t modified_micros) const {
  std::lock_guard guard(mutex_);
  return size != size_ || modified_micros != modified_micros_;
}

void WatchedFile::Found(const io::FileInfo& info) {
  {
    std::lock_guard guard(mutex_);
    // The state of an earlier version does not tell it.
    if (born_ == 0) born_ = info.born_micros;
    if (info.size == size_ && info.modified_micros == modified_micros_) return;
    size_ = info.size;
    modified_micros_ = info.modified_micros;
  }
  Wake();
}

int64_t WatchedFile::born() const {
  std::lock_guard guard(mutex_);
  return born_;
}

bool WatchedFile::MayBe(const io::FileInfo& info) const {
  return IdentityOf(info) == identity_ && BornAlike(born(), info.born_micros);
}

WatchedFiles::WatchedFiles(const Parsed& options, connector::Surroundings surroundings)
    : path_(options.path),
      format_(options.format),
      surroundings_(std::move(surroundings)),
      poll_nanos_(std::max<int64_t>(options.own.GetInt("poll_interval"), 1'000'000)),
      notify_(options.own.GetBool("notify")) {}

void WatchedFiles::Start() {
  if (notify_) {
    std::weak_ptr<WatchedFiles> weak = weak_from_this();
    auto notices = FolderNotices::Make({.names_changed =
                                            [weak] {
                                              if (auto self = weak.lock())
                                                self->ScanLater();
                                            },
                                        .contents_changed =
                                            [weak](const std::string& path) {
                                              if (auto self = weak.lock())
                                                self->ContentsChanged(path);
                                            }});
    std::lock_guard guard(mutex_);
    notices_ = std::move(notices);
    noticed_ = notices_ != nullptr;
  }
  PollLater();
}

void WatchedFiles::Stop() {
  std::unique_ptr<FolderNotices> notices;
  {
    std::lock_guard guard(mutex_);
    stopped_ = true;
    notices = std::move(notices_);
  }
}

void WatchedFiles::Add(WatchedFilePtr file) {
  std::lock_guard guard(mutex_);
  by_path_[file->path()] = file;
  files_[file->identity()] = std::move(file);
}

Result<std::vector<WatchedFilePtr>> WatchedFiles::TakeFresh() {
  std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(std::exchange(error_, Status::OK()));
  return std::exchange(fresh_, {});
}

std::vector<WatchedFilePtr> WatchedFiles::all() const {
  std::lock_guard guard(mutex_);
  std::vector<WatchedFilePtr> out;
  for (const auto& [identity, file] : files_) out.push_back(file);
  return out;
}

void WatchedFiles::WakeOnFresh(Waker waker) {
  bool already = false;
  {
    std::lock_guard guard(mutex_);
    waker_ = waker;
    already = !fresh_.empty();
  }
  if (already) waker.Wake();
}

void WatchedFiles::WakeFinder() {
  Waker waker;
  {
    std::lock_guard guard(mutex_);
    waker = waker_;
  }
  waker.Wake();
}

void WatchedFiles::ContentsChanged(const std::string& path) {
  WatchedFilePtr file;
  {
    std::lock_guard guard(mutex_);
    const auto found = by_path_.find(path);
    if (found != by_path_.end()) file = found->second;
  }
  if (file) file->Wake();
}

void WatchedFiles::PollLater() {
  if (surroundings_.timers == nullptr) return;
  int64_t nanos = poll_nanos_;
  {
    std::lock_guard guard(mutex_);
    if (stopped_) return;
    if (noticed_) nanos *= kSafetyNet;
  }
  std::weak_ptr<WatchedFiles> weak = weak_from_this();
  surroundings_.timers->WakeAt(surroundings_.clock->MonotonicNanos() + nanos,
                               Waker(std::make_shared<Call>([weak] {
                                 auto self = weak.lock();
                                 if (!self) return;
                                 self->ScanLater();
                                 self->PollLater();
                               })));
}

void WatchedFiles::ScanSoon(int64_t nanos) {
  if (surroundings_.timers == nullptr) return;
  std::weak_ptr<WatchedFiles> weak = weak_from_this();
  surroundings_.timers->WakeAt(surroundings_.clock->MonotonicNanos() + nanos,
                               Waker(std::make_shared<Call>([weak] {
                                 if (auto self = weak.lock()) self->ScanLater();
                               })));
}

void WatchedFiles::ScanLater() {
  {
    std::lock_guard guard(mutex_);
    if (stopped_ || std::exchange(scheduled_, true)) return;
  }
  std::weak_ptr<WatchedFiles> weak = weak_from_this();
  surroundings_.executor->Submit([weak] {
    auto self = weak.lock();
    if (!self) return;
    {
      // What changes from here on is looked at by the next one.
      std::lock_guard guard(self->mutex_);
      self->scheduled_ = false;
      if (self->stopped_) return;
    }
    Status status = self->Scan();
    Waker waker;
    {
      std::lock_guard guard(self->mutex_);
      if (!status.ok()) self->error_ = std::move(status);
      if (!self->fresh_.empty() || !self->error_.ok()) waker = self->waker_;
    }
    waker.Wake();
  });
}

bool WatchedFiles::WouldFind(const std::string& path) const {
  io::FileSystem& files = *surroundings_.files;
  const auto info = files.Stat(path_);
  const bool folder = info.ok() && info->directory;
  return (!folder || HasExtensionOf(*format_, path)) &&
         io::WouldExpandTo(files, path_, path);
}

Status WatchedFiles::Scan() {
  std::lock_guard guard(scanning_);
  return ScanNow();
}

Status WatchedFiles::ScanNow() {
  io::FileSystem& files = *surroundings_.files;
  std::vector<io::FileInfo> found;
  auto expanded = io::ExpandPath(files, path_);
  if (expanded.ok()) {
    found = std::move(*expanded);
  } else if (ErrorNumber(expanded.status()) != errors::kFileNotFound.number) {
    return expanded.status();
  }
  const auto info = files.Stat(path_);
  const bool folder = info.ok() && info->directory;
  std::erase_if(found, [&](const io::FileInfo& file) {
    return !file.seekable || (folder && !HasExtensionOf(*format_, file.path));
  });
  WatchFolders(found);
  return Follow(found);
}

void WatchedFiles::WatchFolders(const std::vector<io::FileInfo>& found) {
  {
    std::lock_guard guard(mutex_);
    if (!notices_) return;
  }
  io::FileSystem& files = *surroundings_.files;
  // What stands before the first component that is a pattern.
  const size_t pattern = std::min(path_.find_first_of("*?[{"), path_.size());
  const std::string fixed =
      pattern == path_.size() ? path_ : path_.substr(0, path_.rfind('/', pattern) + 1);
  std::string begin = fixed;
  while (begin.size() > 1 && begin.ends_with('/')) begin.pop_back();
  const auto info = files.Stat(begin.empty() ? "." : begin);
  const bool folder = info.ok() && info->directory;
  std::set<std::string> folders;
  if (folder && (pattern == path_.size() || path_.find("**") != path_.npos)) {
    AddFolders(files, begin, &folders);
  } else {
    folders.insert(folder ? begin : io::DirectoryOf(begin));
  }
  for (const io::FileInfo& file : found) folders.insert(io::DirectoryOf(file.path));
  bool all = true;
  std::lock_guard guard(mutex_);
  if (!notices_) return;
  for (const std::string& one : folders) all &= notices_->Watch(one);
  noticed_ = all;
}

// Is the file that `info` names the one that we know under another name?
Result<WatchedFiles::Same> WatchedFiles::IsSame(const WatchedFile& file,
                                                const io::FileInfo& info) {
  ARROW_ASSIGN_OR_RAISE(auto opened, OpenIdentified(*surroundings_.files, info));
  if (!opened) return Same::kUnknown;
  ARROW_ASSIGN_OR_RAISE(const int64_t size, opened->GetSize());
  ARROW_ASSIGN_OR_RAISE(const bool same, Bears(*opened, size, file.mark()));
  return same ? Same::kYes : Same::kNo;
}

Status WatchedFiles::Follow(const std::vector<io::FileInfo>& found) {
  std::map<FileIdentity, const io::FileInfo*> there;
  for (const io::FileInfo& info : found) there.try_emplace(IdentityOf(info), &info);
  // Files that went from the names that we look for: they may have another one beside.
  std::map<std::string, std::vector<io::FileInfo>> folders;
  auto beside = [&](const WatchedFile& file) -> const io::FileInfo* {
    const std::string folder = io::DirectoryOf(file.path());
    auto [listed, added] = folders.try_emplace(folder);
    if (added) {
      if (auto entries = surroundings_.files->List(folder); entries.ok()) {
        listed->second = std::move(*entries);
      }
    }
    for (const io::FileInfo& info : listed->second) {
      if (info.seekable && IdentityOf(info) == file.identity()) return &info;
    }
    return nullptr;
  };

  // A folder whose names change while they are listed may not tell all of them, or tell
  // one that is another file's by now: then somebody looks again.
  bool unsure = false;
  std::vector<WatchedFilePtr> gone;
  for (const WatchedFilePtr& file : all()) {
    const auto at = there.find(file->identity());
    const io::FileInfo* info = at != there.end() ? at->second : beside(*file);
    if (info != nullptr && !file->MayBe(*info)) {
      gone.push_back(file);  // deleted, and its number was given to another
      continue;
    }
    // Of text, the reader finds out by itself that it began anew; a file that is read
    // whole is another one then.
    const bool rewritten = info != nullptr && !format_->can_append() &&
                           file->IsNews(info->size, info->modified_micros);
    if (info != nullptr && (rewritten || info->path != file->path())) {
      ARROW_ASSIGN_OR_RAISE(const Same same, IsSame(*file, *info));
      if (same == Same::kUnknown) {
        unsure = true;
        if (at != there.end()) there.erase(at);
        continue;
      }
      if (same == Same::kNo) {
        gone.push_back(file);
        continue;
      }
      if (info->path != file->path()) file->Moved(info->path);
    }
    if (info == nullptr) {
      if (++file->missed >= kMissedIsGone) {
        gone.push_back(file);
      } else {
        unsure = true;
      }
      continue;
    }
    file->missed = 0;
    file->Found(*info);
    if (at != there.end()) there.erase(at);
  }

  std::vector<WatchedFilePtr> fresh;
  for (const io::FileInfo& info : found) {
    const auto at = there.find(IdentityOf(info));
    if (at == there.end() || at->second != &info) continue;
    ARROW_ASSIGN_OR_RAISE(auto opened, OpenIdentified(*surroundings_.files, info));
    if (!opened) {
      unsure = true;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const FileMark mark, MarkOf(*opened, info.size));
    fresh.push_back(std::make_shared<WatchedFile>(IdentityOf(info), info.born_micros,
                                                  info.path, mark));
    fresh.back()->Found(info);
  }

  {
    std::lock_guard guard(mutex_);
    for (const WatchedFilePtr& file : gone) files_.erase(file->identity());
    for (const WatchedFilePtr& file : fresh) {
      files_[file->identity()] = file;
      fresh_.push_back(file);
    }
    by_path_.clear();
    for (const auto& [identity, file] : files_) by_path_[file->path()] = file;
  }
  for (const WatchedFilePtr& file : gone) file->Gone();
  if (unsure) ScanSoon(std::min(poll_nanos_, kLookAgainNanos));
  return Status::OK();
}

}  // namespace millrace::files
