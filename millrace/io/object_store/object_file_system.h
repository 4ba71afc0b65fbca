// Objects as files: what is read through io::FileSystem.
#pragma once

#include <memory>

#include "millrace/base/executor.h"
#include "millrace/base/memory_budget.h"
#include "millrace/io/file_system.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::io {

/// Paths are `store->root()` followed by a key; folders are what keys have in common up
/// to a slash. What was told of an object first (by a listing or by Stat) is what is
/// read: once it is replaced, reading fails with kObjectChanged. Writing is refused with
/// kReadOnlyFiles. Calls block. `executor` outlives the files and may be null.
std::shared_ptr<FileSystem> MakeObjectFileSystem(std::shared_ptr<ObjectStore> store,
                                                 std::shared_ptr<MemoryBudget> memory,
                                                 Executor* executor);

}  // namespace millrace::io
