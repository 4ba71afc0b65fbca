#include "millrace/connectors/files/folder_notices.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "millrace/io/path.h"

namespace millrace::files {

namespace {
constexpr uint32_t kNames = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr uint32_t kContents = IN_MODIFY | IN_CLOSE_WRITE;
constexpr uint32_t kFolderGone = IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF;
}  // namespace

std::unique_ptr<FolderNotices> FolderNotices::Make(Listener listener) {
  const int notices = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (notices < 0) return nullptr;
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    ::close(notices);
    return nullptr;
  }
  return std::unique_ptr<FolderNotices>(
      new FolderNotices(std::move(listener), notices, stop));
}

FolderNotices::FolderNotices(Listener listener, int notices, int stop)
    : listener_(std::move(listener)),
      notices_(notices),
      stop_(stop),
      thread_([this] { Loop(); }) {}

FolderNotices::~FolderNotices() {
  const uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof(one));
  thread_.join();
  ::close(notices_);
  ::close(stop_);
}

bool FolderNotices::Watch(const std::string& folder) {
  std::lock_guard guard(mutex_);
  if (watches_.contains(folder)) return true;
  const int watch = ::inotify_add_watch(
      notices_, folder.empty() ? "." : folder.c_str(),
      kNames | kContents | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR);
  if (watch < 0) return false;
  folders_[watch] = folder;
  watches_[folder] = watch;
  return true;
}

void FolderNotices::Loop() {
  alignas(inotify_event) char buffer[64 * 1024];
  pollfd wait[] = {{notices_, POLLIN, 0}, {stop_, POLLIN, 0}};
  for (;;) {
    if (::poll(wait, 2, -1) < 0) continue;
    if (wait[1].revents != 0) return;
    const ssize_t got = ::read(notices_, buffer, sizeof(buffer));
    bool names = false;
    std::string last;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      names |= (event->mask & (kNames | kFolderGone | IN_Q_OVERFLOW)) != 0;
      std::string path;
      {
        std::lock_guard guard(mutex_);
        const auto folder = folders_.find(event->wd);
        if (folder == folders_.end()) continue;
        if (event->len > 0) path = io::JoinedPath(folder->second, event->name);
        // A folder of the same name may come again.
        if ((event->mask & kFolderGone) != 0) {
          if ((event->mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(notices_, event->wd);
          watches_.erase(folder->second);
          folders_.erase(folder);
        }
      }
      // A writer of many small pieces gives many notices in a row.
      if ((event->mask & kContents) != 0 && !path.empty() && path != last) {
        listener_.contents_changed(path);
        last = std::move(path);
      }
    }
    if (names) listener_.names_changed();
  }
}

}  // namespace millrace::files
