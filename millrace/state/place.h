// Where checkpoints are: a folder of this machine, or of an object store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/manifest_store.h"
#include "millrace/connector/registry.h"

namespace millrace::state {

struct Place {
  std::string directory;  ///< a path, or s3://bucket/prefix
  /// Of an object store: those of io::ObjectStoreSpec and io::ObjectStoreWriteSpec.
  connector::Options options;
};

/// What the options of a place may be.
const ConfigSpec& PlaceSpec();

/// The store of pipeline `name` there. Asks nothing before it is used; blocks from then
/// on. What `surroundings` lend outlives it.
Result<std::unique_ptr<connector::ManifestStore>> OpenManifestStore(
    const Place& place, const std::string& name,
    const connector::Surroundings& surroundings);

/// The pipelines that have left something there, sorted.
Result<std::vector<std::string>> ListPipelines(
    const Place& place, const connector::Surroundings& surroundings);

}  // namespace millrace::state
