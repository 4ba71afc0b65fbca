// Names of what checkpoints consist of: the same on a disk and in an object store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/ids.h"

namespace millrace::state {

/// A name that files and keys may have: letters, digits, '-', '_' and dots inside stay,
/// every other byte is %XX.
std::string EscapedName(const std::string& name);
std::string UnescapedName(std::string_view name);

/// What stands behind the last slash.
std::string BaseName(const std::string& path);

/// "epoch-<20 digits>"
std::string EpochName(Epoch epoch);
/// The epoch that `name` begins with; `rest` is what follows. Empty for other names.
std::optional<Epoch> EpochOf(std::string_view name, std::string_view* rest);

/// "epoch-<20 digits>-attempt-<n>"
std::string AttemptName(Epoch epoch, int64_t attempt);
/// The attempt in such a name, whatever follows it; empty for other names.
std::optional<int64_t> AttemptOf(std::string_view name);

/// "epoch-<20 digits>-attempt-<n>-task-<n>.state"
std::string StateFileName(Epoch epoch, int64_t attempt, int task);

}  // namespace millrace::state
