// Checkpoints in a folder of the machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/connector/manifest_store.h"
#include "millrace/io/file_system.h"

namespace millrace::state {

/// The store of pipeline `name` in folder `directory`. Touches nothing before it is used.
///
/// Layout: <directory>/<name>/{lock, attempts, epoch-<20 digits>.pending,
/// epoch-<20 digits>.manifest, savepoint-<name>.manifest, state/<files>}. The lock holds
/// the owner's process id and start for people; what counts is the advisory lock on it.
/// Characters of names that file names should not have are written as %XX.
std::unique_ptr<connector::ManifestStore> MakeLocalManifestStore(
    std::shared_ptr<io::FileSystem> files, const Clock* clock,
    const std::string& directory, const std::string& name);

/// The pipelines that have a folder in `directory`, sorted; none where it does not exist.
Result<std::vector<std::string>> ListPipelines(io::FileSystem& files,
                                               const std::string& directory);

}  // namespace millrace::state
