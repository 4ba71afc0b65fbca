// FolderNotices: what the system tells of changes inside folders (inotify).
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace millrace::files {

/// One watcher's part of the notices. All of a process share one thread and one
/// descriptor, of which the system gives a user 128 or so; they are there as long as any
/// watcher is. Thread-safe.
class FolderNotices {
 public:
  struct Listener {
    /// A name came, went or changed in a watched folder, or notices were lost.
    std::function<void()> names_changed;
    /// The file at that path has other contents.
    std::function<void(const std::string& path)> contents_changed;
  };
  /// Null when the system gives no notices. The listener is called on the thread, where
  /// it must neither wait nor destroy a FolderNotices.
  static std::unique_ptr<FolderNotices> Make(Listener listener);
  /// Waits for a call of the listener that is under way; there is none afterwards.
  ~FolderNotices();

  /// Watch the folder ("" is the working one), once. False when the system refuses: it
  /// has no more watches to give, or the folder is gone.
  bool Watch(const std::string& folder);

 private:
  class Watcher;
  class Thread;
  FolderNotices(std::shared_ptr<Thread> thread, std::shared_ptr<Watcher> watcher);

  const std::shared_ptr<Thread> thread_;
  const std::shared_ptr<Watcher> watcher_;
};

}  // namespace millrace::files
