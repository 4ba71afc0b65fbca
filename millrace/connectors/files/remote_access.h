// RemoteAccess: files of other machines, read by a source whose shards must not wait.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "millrace/base/config/config.h"
#include "millrace/connector/registry.h"
#include "millrace/connectors/files/offload.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// The files of one source, and the work that is done for it on the executor.
/// Thread-safe.
class RemoteAccess {
 public:
  /// `options` hold those of io::ObjectStoreSpec. Asks nothing of the network.
  static Result<std::shared_ptr<RemoteAccess>> Make(
      const std::string& path, const Config& options,
      const connector::Surroundings& surroundings);

  const std::shared_ptr<io::FileSystem>& files() const { return files_; }

  /// For readers of these files, which block.
  std::unique_ptr<connector::SplitReader> Offload(
      std::function<Result<std::unique_ptr<connector::SplitReader>>()> open) {
    return offload_.Read(std::move(open));
  }

  /// Requests end within moments, and so does work that is under way; no other begins.
  /// Waits for that.
  void Close() { offload_.Close(); }

 private:
  explicit RemoteAccess(const connector::Surroundings& surroundings)
      : offload_(surroundings, surroundings.executor) {}

  files::Offload offload_;
  std::shared_ptr<io::FileSystem> files_;
};

}  // namespace millrace::files
