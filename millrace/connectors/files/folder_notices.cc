#include "millrace/connectors/files/folder_notices.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/io/path.h"

namespace millrace::files {

namespace {
constexpr uint32_t kNames = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr uint32_t kContents = IN_MODIFY | IN_CLOSE_WRITE;
constexpr uint32_t kFolderGone = IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF;
}  // namespace

// Calls a listener until it is told to be silent.
class FolderNotices::Watcher {
 public:
  explicit Watcher(Listener listener) : listener_(std::move(listener)) {}

  void NamesChanged() {
    std::lock_guard guard(calling_);
    if (!silent_) listener_.names_changed();
  }
  void ContentsChanged(const std::string& path) {
    std::lock_guard guard(calling_);
    if (!silent_) listener_.contents_changed(path);
  }
  void Silence() {
    std::lock_guard guard(calling_);
    silent_ = true;
  }

 private:
  const Listener listener_;
  std::mutex calling_;  // held during a call
  bool silent_ = false;
};

// The process's descriptor and thread.
class FolderNotices::Thread {
 public:
  using WatcherPtr = std::shared_ptr<Watcher>;

  // The one that is there, or a new one; null when the system has none to give.
  static std::shared_ptr<Thread> Get() {
    static std::mutex mutex;
    static std::weak_ptr<Thread> current;
    std::lock_guard guard(mutex);
    if (auto thread = current.lock()) return thread;
    const int notices = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notices < 0) return nullptr;
    const int stop = ::eventfd(0, EFD_CLOEXEC);
    if (stop < 0) {
      ::close(notices);
      return nullptr;
    }
    auto thread = std::make_shared<Thread>(notices, stop);
    current = thread;
    return thread;
  }

  Thread(int notices, int stop)
      : notices_(notices), stop_(stop), thread_([this] { Loop(); }) {}

  ~Thread() {
    const uint64_t one = 1;
    (void)!::write(stop_, &one, sizeof(one));
    thread_.join();
    ::close(notices_);
    ::close(stop_);
  }

  bool Watch(const WatcherPtr& watcher, const std::string& folder) {
    std::lock_guard guard(mutex_);
    const auto& folders = watched_[watcher];
    if (folders.contains(folder)) return true;
    // A folder that somebody watches already answers the watch that it has.
    const int watch = ::inotify_add_watch(
        notices_, folder.empty() ? "." : folder.c_str(),
        kNames | kContents | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR);
    if (watch < 0) return false;
    watched_[watcher][folder] = watch;
    watchers_[watch].emplace(watcher, folder);
    return true;
  }

  void Forget(const WatcherPtr& watcher) {
    std::lock_guard guard(mutex_);
    const auto found = watched_.find(watcher);
    if (found == watched_.end()) return;
    for (const auto& [folder, watch] : found->second) {
      const auto others = watchers_.find(watch);
      if (others == watchers_.end()) continue;
      others->second.erase({watcher, folder});
      if (!others->second.empty()) continue;
      watchers_.erase(others);
      ::inotify_rm_watch(notices_, watch);
    }
    watched_.erase(found);
  }

 private:
  using Contents = std::pair<int, std::string>;  // watch and name

  void Loop() {
    alignas(inotify_event) char buffer[64 * 1024];
    pollfd wait[] = {{notices_, POLLIN, 0}, {stop_, POLLIN, 0}};
    for (;;) {
      if (::poll(wait, 2, -1) < 0) continue;
      if (wait[1].revents != 0) return;
      const ssize_t got = ::read(notices_, buffer, sizeof(buffer));
      std::set<WatcherPtr> names;
      Contents last{-1, ""};
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
        const std::string name = event->len > 0 ? event->name : "";
        // A writer of many small pieces gives many notices in a row.
        const bool contents =
            (event->mask & kContents) != 0 && !name.empty() &&
            std::exchange(last, Contents{event->wd, name}) != Contents{event->wd, name};
        const bool changed = (event->mask & (kNames | kFolderGone | IN_Q_OVERFLOW)) != 0;
        if (!contents && !changed) continue;
        for (const auto& [watcher, folder] : Concerned(*event)) {
          // Nothing is locked: a listener may watch another folder.
          if (contents) watcher->ContentsChanged(io::JoinedPath(folder, name));
          if (changed) names.insert(watcher);
        }
      }
      for (const WatcherPtr& watcher : names) watcher->NamesChanged();
    }
  }

  using Concern = std::pair<WatcherPtr, std::string>;  // who, by which name of the folder

  std::vector<Concern> Concerned(const inotify_event& event) {
    std::vector<Concern> out;
    std::lock_guard guard(mutex_);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      for (const auto& [watcher, folders] : watched_) out.emplace_back(watcher, "");
      return out;
    }
    const auto found = watchers_.find(event.wd);
    if (found == watchers_.end()) return out;
    out.assign(found->second.begin(), found->second.end());
    // A folder of the same name may come again.
    if ((event.mask & kFolderGone) != 0) {
      if ((event.mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(notices_, event.wd);
      for (const auto& [watcher, folder] : found->second) {
        watched_[watcher].erase(folder);
      }
      watchers_.erase(found);
    }
    return out;
  }

  const int notices_;  // descriptors
  const int stop_;
  std::mutex mutex_;
  std::map<int, std::set<Concern>> watchers_;  // by watch
  std::map<WatcherPtr, std::map<std::string, int>> watched_;
  std::thread thread_;
};

std::unique_ptr<FolderNotices> FolderNotices::Make(Listener listener) {
  auto thread = Thread::Get();
  if (!thread) return nullptr;
  return std::unique_ptr<FolderNotices>(new FolderNotices(
      std::move(thread), std::make_shared<Watcher>(std::move(listener))));
}

FolderNotices::FolderNotices(std::shared_ptr<Thread> thread,
                             std::shared_ptr<Watcher> watcher)
    : thread_(std::move(thread)), watcher_(std::move(watcher)) {}

FolderNotices::~FolderNotices() {
  thread_->Forget(watcher_);
  watcher_->Silence();
}

bool FolderNotices::Watch(const std::string& folder) {
  return thread_->Watch(watcher_, folder);
}

}  // namespace millrace::files
