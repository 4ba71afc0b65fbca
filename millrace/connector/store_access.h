// StoreAccess: the object store of one user of it, and the end of what is asked of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/base/config/config.h"
#include "millrace/base/future.h"
#include "millrace/connector/registry.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::connector {

/// Thread-safe. Work on the executor enters before it asks anything, and leaves.
class StoreAccess final : public std::enable_shared_from_this<StoreAccess> {
 public:
  /// `options` hold those of io::ObjectStoreSpec and io::ObjectStoreWriteSpec. Asks
  /// nothing of the network.
  static Result<std::shared_ptr<StoreAccess>> Make(const std::string& path,
                                                   const Config& options,
                                                   const Surroundings& surroundings);

  /// The same over a store that is there.
  static std::shared_ptr<StoreAccess> Over(std::shared_ptr<io::ObjectStore> store,
                                           const Clock* clock);

  /// It lives as long as this does, and no longer.
  io::ObjectStore& store() { return *store_; }

  /// False once the end has begun.
  bool Enter();
  void Leave();

  /// `work` of 0 to count - 1 on the executor, a few at a time, or here where there is
  /// none; nothing more is begun after a failure, which the future has. `work` is not
  /// used any more when End has returned.
  Future<> ForEach(Executor* executor, size_t count, std::function<Status(size_t)> work);

  /// Requests that are under way end within moments; returns when who entered has left.
  /// What the caller asks afterwards has so long until it is ended, too.
  void End(int64_t nanos);

 private:
  struct Round;
  void Step(Executor* executor, const std::shared_ptr<Round>& round);

  explicit StoreAccess(const Clock* clock) : clock_(clock) {}
  Status GivenUp() const;

  const Clock* const clock_;
  std::shared_ptr<io::ObjectStore> store_;
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> deadline_{0};
  std::mutex mutex_;
  std::condition_variable left_;
  int inside_ = 0;
};

}  // namespace millrace::connector
