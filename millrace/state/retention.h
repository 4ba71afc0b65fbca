// Retention: which checkpoints of a pipeline stay, and the state files that nobody names
// any more.
#pragma once

#include "millrace/base/result.h"
#include "millrace/connector/manifest_store.h"

namespace millrace::state {

/// Everybody has confirmed the newest epoch: what is pending, and decided manifests but
/// the newest and `retained` before it, go. Savepoints stay until they are dropped.
Status Prune(connector::ManifestStore& store, int retained);

/// The pipeline has read everything: only its savepoints stay. Until this is done the
/// newest manifest is there and says so.
Status Retire(connector::ManifestStore& store);

}  // namespace millrace::state
