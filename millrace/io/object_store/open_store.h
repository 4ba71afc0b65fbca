// From an address and options to a store: the same for every connector.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/clock.h"
#include "millrace/base/config/config.h"
#include "millrace/base/timers.h"
#include "millrace/io/http/http_client.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::io {

/// What a connector that reads or writes objects takes besides its own options: where the
/// store is, and who we are to it.
const ConfigSpec& ObjectStoreSpec();

/// What those that write objects take besides.
const ConfigSpec& ObjectStoreWriteSpec();

/// Is `path` an address of a store, s3://, http:// or https://?
bool IsObjectAddress(std::string_view path);

/// What requests get from their surroundings. Everything outlives the store.
struct StoreSurroundings {
  const Clock* clock = nullptr;
  Timers* timers = nullptr;
  ConfigSpec::Lookup environment;
  GivenUp given_up;
  int64_t connect_nanos = 0;  ///< 0: as HttpSettings
  int64_t stall_nanos = 0;    ///< 0: as HttpSettings
};

/// The store that `address` lies in. `options` are of ObjectStoreSpec, and of
/// ObjectStoreWriteSpec where something is written, possibly among others. Nothing is
/// asked of the network. Fails with kBadAddress or kStoreOptions.
Result<std::shared_ptr<ObjectStore>> OpenObjectStore(
    const std::string& address, const Config& options,
    const StoreSurroundings& surroundings);

}  // namespace millrace::io
