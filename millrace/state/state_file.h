// State files: the pieces that one task left at one barrier, one behind the other, and
// the way back.
//
// A file begins with kStateFileMagic; each piece is an Arrow IPC stream in a Section of
// its own, found through the manifest only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/connector/manifest_store.h"
#include "millrace/state/manifest.h"
#include "millrace/state/operator_state.h"

namespace millrace::state {

inline constexpr std::string_view kStateFileMagic = "MILLRACE STATE 1";

/// Write `pieces` (all of one operator each) into a new file `name`, durably. Section::
/// task is `task`. Reads the pieces' readers; for a thread of the executor.
/// `operators[i]` are the pieces of the i-th operator, and so are the sections of the
/// answer.
Result<std::vector<std::vector<Section>>> WriteStateFile(
    connector::ManifestStore& store, const std::string& name, int task,
    std::vector<std::vector<Piece>> operators, arrow::MemoryPool* pool);

/// The state of one operator for one of `tasks` tasks. `entry` and `store` outlive it.
/// Visit verifies every checksum before a row is given (kStateDamaged).
std::unique_ptr<OperatorState> OpenOperatorState(connector::ManifestStore* store,
                                                 const OperatorEntry* entry, int task,
                                                 int tasks, arrow::MemoryPool* pool);

/// Is every section of `entry` there and as it was written (kStateDamaged)? Reads all of
/// them.
Status CheckOperatorState(connector::ManifestStore& store, const OperatorEntry& entry);

/// Add what one snapshot wrote to what stands: a whole piece takes the place of all that
/// the same task wrote of that part before.
void AppendSections(std::vector<Section> after, std::vector<Section>* sections);

}  // namespace millrace::state
