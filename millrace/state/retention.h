// Retention: which checkpoints of a pipeline stay, and the state files that nobody names
// any more.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/connector/manifest_store.h"

namespace millrace::state {

/// Prunes the checkpoints of one pipeline again and again. Remembers which files each
/// manifest names, so that an epoch costs one manifest's reading, not that of all that
/// stay. Used by one thread.
class Pruner {
 public:
  /// `store` outlives it.
  explicit Pruner(connector::ManifestStore* store) : store_(*store) {}

  /// As the function below.
  Status Prune(int retained);

 private:
  friend Status Retire(connector::ManifestStore& store);
  // A manifest that was replaced under the same name has another size or time.
  using Key =
      std::tuple<connector::ManifestState, int64_t, std::string, int64_t, int64_t>;
  // Empty where it can't be read.
  using Files = std::optional<std::set<std::string>>;

  Result<const Files*> FilesOf(const connector::ManifestEntry& entry);
  Status RemoveUnnamedFiles(const std::vector<connector::ManifestEntry>& manifests);

  connector::ManifestStore& store_;
  std::map<Key, Files> known_;
};

/// Everybody has confirmed the newest epoch: what is pending, and decided manifests but
/// the newest and `retained` before it, go. Savepoints stay until they are dropped.
Status Prune(connector::ManifestStore& store, int retained);

/// The pipeline has read everything: only its savepoints stay. Until this is done the
/// newest manifest is there and says so.
Status Retire(connector::ManifestStore& store);

}  // namespace millrace::state
