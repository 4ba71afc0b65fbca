// A state file that becomes an object.
#pragma once

#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "millrace/connector/store_access.h"
#include "millrace/io/file_system.h"

namespace millrace::state {

/// Sends what is written in parts of some MiB, or, where it is less, as a whole at Close:
/// from then on it is there and durable. Destroyed before, it leaves nothing. Used by one
/// thread, which waits for the store. `pool` outlives the file.
std::unique_ptr<io::WritableFile> MakeObjectFile(
    std::shared_ptr<connector::StoreAccess> access, std::string key,
    arrow::MemoryPool* pool);

}  // namespace millrace::state
