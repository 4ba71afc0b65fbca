#include "millrace/connectors/files/remote_access.h"

#include <utility>

#include "millrace/io/object_store/object_file_system.h"
#include "millrace/io/object_store/open_store.h"

namespace millrace::files {

Result<std::shared_ptr<RemoteAccess>> RemoteAccess::Make(
    const std::string& path, const Config& options,
    const connector::Surroundings& surroundings) {
  std::shared_ptr<RemoteAccess> access(new RemoteAccess(surroundings));
  io::StoreSurroundings store;
  store.clock = surroundings.clock;
  store.timers = surroundings.timers;
  store.environment = surroundings.environment;
  store.connect_nanos = surroundings.limits.connect_nanos;
  store.stall_nanos = surroundings.limits.read_nanos;
  store.given_up = access->offload_.given_up();
  ARROW_ASSIGN_OR_RAISE(auto objects, io::OpenObjectStore(path, options, store));
  access->files_ = io::MakeObjectFileSystem(std::move(objects), surroundings.memory,
                                            surroundings.executor);
  return access;
}

}  // namespace millrace::files
