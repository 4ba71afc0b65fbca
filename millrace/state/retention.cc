#include "millrace/state/retention.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "millrace/state/manifest.h"

namespace millrace::state {

namespace {

using connector::ManifestEntry;
using connector::ManifestState;
using connector::ManifestStore;

bool IsDecided(const ManifestEntry& entry) {
  return entry.state == ManifestState::kDecided;
}

// The state files that none of `manifests` names. A manifest that can't be read may name
// any: then all stay.
Status RemoveUnnamedFiles(ManifestStore& store,
                          const std::vector<ManifestEntry>& manifests) {
  std::set<std::string> named;
  for (const ManifestEntry& entry : manifests) {
    ARROW_ASSIGN_OR_RAISE(std::string text, store.Read(entry));
    auto manifest = Manifest::Decode(text, store.location());
    if (!manifest.ok()) return Status::OK();
    for (const OperatorEntry& op : manifest->operators) {
      for (const Section& section : op.sections) named.insert(section.file);
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto files, store.ListFiles());
  for (const std::string& file : files) {
    if (!named.contains(file)) ARROW_RETURN_NOT_OK(store.RemoveFile(file));
  }
  return Status::OK();
}

}  // namespace

Status Prune(ManifestStore& store, int retained) {
  ARROW_ASSIGN_OR_RAISE(auto entries, store.List());
  std::vector<ManifestEntry> kept;
  int decided = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->state == ManifestState::kPending ||
        (IsDecided(*entry) && ++decided > 1 + retained)) {
      ARROW_RETURN_NOT_OK(store.Remove(*entry));
    } else {
      kept.push_back(*entry);
    }
  }
  return RemoveUnnamedFiles(store, kept);
}

Status Retire(ManifestStore& store) {
  ARROW_ASSIGN_OR_RAISE(auto entries, store.List());
  std::vector<ManifestEntry> savepoints;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(savepoints),
               [](const auto& e) { return e.state == ManifestState::kSavepoint; });
  if (savepoints.empty()) return store.RemoveAll();
  const auto newest = std::find_if(entries.rbegin(), entries.rend(), IsDecided);
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
    const bool stays = entry->state == ManifestState::kSavepoint ||
                       (newest != entries.rend() && &*entry == &*newest);
    if (!stays) ARROW_RETURN_NOT_OK(store.Remove(*entry));
  }
  ARROW_RETURN_NOT_OK(RemoveUnnamedFiles(store, savepoints));
  if (newest == entries.rend()) return Status::OK();
  const Status removed = store.Remove(*newest);
  if (removed.ok()) return removed;
  // Once it is gone the pipeline is over. Whoever heard of a failure then would run it
  // again, and that run would begin anew and write every row a second time.
  ARROW_ASSIGN_OR_RAISE(entries, store.List());
  return std::any_of(entries.begin(), entries.end(), IsDecided) ? removed : Status::OK();
}

}  // namespace millrace::state
