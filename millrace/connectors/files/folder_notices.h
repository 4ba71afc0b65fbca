// FolderNotices: what the system tells of changes inside folders (inotify).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace millrace::files {

/// One thread, which ends with the object. Thread-safe.
class FolderNotices {
 public:
  struct Listener {
    /// A name came, went or changed in a watched folder, or notices were lost.
    std::function<void()> names_changed;
    /// The file at that path has other contents.
    std::function<void(const std::string& path)> contents_changed;
  };
  /// Null when the system gives no notices. The listener is called on the thread.
  static std::unique_ptr<FolderNotices> Make(Listener listener);
  ~FolderNotices();

  /// Watch the folder ("" is the working one), once. False when the system refuses: it
  /// has no more watches to give, or the folder is gone.
  bool Watch(const std::string& folder);

 private:
  FolderNotices(Listener listener, int notices, int stop);
  void Loop();

  const Listener listener_;
  const int notices_;  // descriptors
  const int stop_;
  std::mutex mutex_;
  std::map<int, std::string> folders_;  // by watch
  std::map<std::string, int> watches_;
  std::thread thread_;
};

}  // namespace millrace::files
