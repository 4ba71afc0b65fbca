// Checkpoints in an object store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/base/memory_budget.h"
#include "millrace/connector/manifest_store.h"
#include "millrace/state/head_keeper.h"

namespace millrace::state {

/// The store of pipeline `name` below `prefix` (empty, or with a slash at its end). Asks
/// nothing before it is used. State files are read and written within `memory`; `context`
/// as HeadKeeper has it.
std::unique_ptr<connector::ManifestStore> MakeObjectManifestStore(
    KeeperContext context, std::shared_ptr<MemoryBudget> memory,
    const std::string& prefix, const std::string& name);

/// The pipelines that have objects below `prefix`, sorted.
Result<std::vector<std::string>> ListPipelines(io::ObjectStore& store,
                                               const std::string& prefix);

}  // namespace millrace::state
