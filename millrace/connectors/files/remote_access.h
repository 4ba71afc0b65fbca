// RemoteAccess: files of other machines, read by a source whose shards must not wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/base/config/config.h"
#include "millrace/connector/registry.h"
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

  /// A reader whose split is opened and read on the executor, one batch ahead: everything
  /// in `open` and in the reader that it makes may block. Neither is used after Close.
  std::unique_ptr<connector::SplitReader> Offload(
      std::function<Result<std::unique_ptr<connector::SplitReader>>()> open);

  /// Requests end within moments, and so does work that is under way; no other begins.
  /// Waits for that.
  void Close();

 private:
  class Reader;
  struct Gate;

  RemoteAccess(std::shared_ptr<Gate> gate, const connector::Surroundings& surroundings)
      : gate_(std::move(gate)),
        executor_(surroundings.executor),
        memory_(surroundings.memory) {}

  const std::shared_ptr<Gate> gate_;
  Executor* const executor_;
  const std::shared_ptr<MemoryBudget> memory_;
  std::shared_ptr<io::FileSystem> files_;
};

}  // namespace millrace::files
