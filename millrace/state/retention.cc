#include "millrace/state/retention.h"

#include <algorithm>
#include <utility>

#include "millrace/state/manifest.h"

namespace millrace::state {

namespace {

using connector::ManifestEntry;
using connector::ManifestState;
using connector::ManifestStore;

bool IsDecided(const ManifestEntry& entry) {
  return entry.state == ManifestState::kDecided;
}

}  // namespace

Result<const Pruner::Files*> Pruner::FilesOf(const ManifestEntry& entry) {
  const Key key{entry.state, entry.epoch.value, entry.savepoint, entry.bytes,
                entry.modified_micros};
  const auto [found, added] = known_.try_emplace(key);
  if (!added) return &found->second;
  auto text = store_.Read(entry);
  if (!text.ok()) {
    known_.erase(found);
    return text.status();
  }
  if (auto manifest = Manifest::Decode(*text, store_.location()); manifest.ok()) {
    std::set<std::string>& files = found->second.emplace();
    for (const OperatorEntry& op : manifest->operators) {
      for (const Section& section : op.sections) files.insert(section.file);
    }
  }
  return &found->second;
}

// The state files that none of `manifests` names. A manifest that can't be read may name
// any: then all stay.
Status Pruner::RemoveUnnamedFiles(const std::vector<ManifestEntry>& manifests) {
  std::map<Key, Files> before = std::exchange(known_, {});
  std::set<std::string> named;
  bool all_stay = false;
  for (const ManifestEntry& entry : manifests) {
    const Key key{entry.state, entry.epoch.value, entry.savepoint, entry.bytes,
                  entry.modified_micros};
    if (auto known = before.extract(key)) known_.insert(std::move(known));
    ARROW_ASSIGN_OR_RAISE(const Files* files, FilesOf(entry));
    if (*files) named.insert((*files)->begin(), (*files)->end());
    all_stay |= !*files;
  }
  if (all_stay) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto files, store_.ListFiles());
  for (const std::string& file : files) {
    if (!named.contains(file)) ARROW_RETURN_NOT_OK(store_.RemoveFile(file));
  }
  return Status::OK();
}

Status Pruner::Prune(int retained) {
  ARROW_ASSIGN_OR_RAISE(auto entries, store_.List());
  std::vector<ManifestEntry> kept;
  int decided = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->state == ManifestState::kPending ||
        (IsDecided(*entry) && ++decided > 1 + retained)) {
      ARROW_RETURN_NOT_OK(store_.Remove(*entry));
    } else {
      kept.push_back(*entry);
    }
  }
  return RemoveUnnamedFiles(kept);
}

Status Prune(ManifestStore& store, int retained) {
  return Pruner(&store).Prune(retained);
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
  ARROW_RETURN_NOT_OK(Pruner(&store).RemoveUnnamedFiles(savepoints));
  if (newest == entries.rend()) return Status::OK();
  const Status removed = store.Remove(*newest);
  if (removed.ok()) return removed;
  // Once it is gone the pipeline is over. Whoever heard of a failure then would run it
  // again, and that run would begin anew and write every row a second time.
  ARROW_ASSIGN_OR_RAISE(entries, store.List());
  return std::any_of(entries.begin(), entries.end(), IsDecided) ? removed : Status::OK();
}

}  // namespace millrace::state
