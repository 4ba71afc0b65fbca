#include "millrace/state/place.h"

#include <utility>

#include "millrace/connector/store_access.h"
#include "millrace/io/errors.h"
#include "millrace/io/object_store/open_store.h"
#include "millrace/state/local_manifest_store.h"
#include "millrace/state/object_manifest_store.h"

namespace millrace::state {

namespace {

struct Remote {
  std::shared_ptr<connector::StoreAccess> access;
  std::string prefix;  // of keys: empty, or with a slash at its end
};

Result<Remote> OpenRemote(const Place& place,
                          const connector::Surroundings& surroundings) {
  const std::string& address = place.directory;
  if (address.starts_with("http")) {
    return errors::kReadOnlyFiles.Make({.file = io::ShownUrl(address)},
                                       "checkpoints can't be there");
  }
  ARROW_ASSIGN_OR_RAISE(
      const Config options,
      PlaceSpec().Parse("state_dir", place.options, surroundings.environment));
  Remote out;
  ARROW_ASSIGN_OR_RAISE(out.access,
                        connector::StoreAccess::Make(address, options, surroundings));
  const std::string& root = out.access->store().root();
  if (address.size() > root.size()) out.prefix = address.substr(root.size());
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  if (!out.prefix.empty()) out.prefix += '/';
  return out;
}

}  // namespace

const ConfigSpec& PlaceSpec() {
  static const ConfigSpec spec = io::ObjectStoreSpec().Plus(io::ObjectStoreWriteSpec());
  return spec;
}

Result<std::unique_ptr<connector::ManifestStore>> OpenManifestStore(
    const Place& place, const std::string& name,
    const connector::Surroundings& surroundings) {
  if (!io::IsObjectAddress(place.directory)) {
    return MakeLocalManifestStore(surroundings.files, surroundings.clock, place.directory,
                                  name);
  }
  ARROW_ASSIGN_OR_RAISE(Remote remote, OpenRemote(place, surroundings));
  KeeperContext context;
  context.access = std::move(remote.access);
  context.clock = surroundings.clock;
  context.timers = surroundings.timers;
  context.executor = surroundings.executor;
  context.given_up = surroundings.given_up;
  return MakeObjectManifestStore(std::move(context), surroundings.memory, remote.prefix,
                                 name);
}

Result<std::vector<std::string>> ListPipelines(
    const Place& place, const connector::Surroundings& surroundings) {
  if (!io::IsObjectAddress(place.directory))
    return ListPipelines(*surroundings.files, place.directory);
  ARROW_ASSIGN_OR_RAISE(const Remote remote, OpenRemote(place, surroundings));
  return ListPipelines(remote.access->store(), remote.prefix);
}

}  // namespace millrace::state
