#include "millrace/engine/checkpoints.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "millrace/base/calendar.h"
#include "millrace/engine/recovery.h"
#include "millrace/state/errors.h"
#include "millrace/state/manifest.h"

namespace millrace::engine {

using connector::ManifestEntry;
using connector::ManifestState;

std::string CheckpointInfo::KindText() const {
  if (damaged) return "damaged";
  switch (state) {
    case ManifestState::kPending: return "pending";
    case ManifestState::kSavepoint: return "savepoint";
    case ManifestState::kDecided: break;
  }
  return "checkpoint";
}

Checkpoints::Checkpoints(Engine* engine, const JobOptions& options)
    : engine_(engine),
      place_(PlaceOf(options, engine->environment())),
      surroundings_(engine->For("", engine->NewBudget())) {}

Result<std::unique_ptr<connector::ManifestStore>> Checkpoints::Store(
    const std::string& pipeline) {
  return state::OpenManifestStore(place_, pipeline, surroundings_);
}

Result<std::vector<std::string>> Checkpoints::Pipelines() {
  return state::ListPipelines(place_, surroundings_);
}

Status Checkpoints::CheckKnown(const std::string& pipeline) {
  ARROW_ASSIGN_OR_RAISE(const auto known, Pipelines());
  if (std::find(known.begin(), known.end(), pipeline) != known.end()) return Status::OK();
  return errors::kNoSuchState.Make(
      {}, "'{}' in {}: there {}", pipeline, place_.directory,
      known.empty() ? "is none"
                    : fmt::format("{} {}", known.size() == 1 ? "is" : "are",
                                  fmt::join(known, ", ")));
}

Result<std::vector<CheckpointInfo>> Checkpoints::List(const std::string& pipeline) {
  ARROW_ASSIGN_OR_RAISE(const auto store, Store(pipeline));
  ARROW_ASSIGN_OR_RAISE(auto entries, store->List());
  std::vector<CheckpointInfo> out;
  for (const ManifestEntry& entry : entries) {
    CheckpointInfo info;
    info.epoch = entry.epoch;
    info.savepoint = entry.savepoint;
    info.state = entry.state;
    info.manifest_bytes = entry.bytes;
    info.made_micros = entry.modified_micros;
    ARROW_ASSIGN_OR_RAISE(std::string text, store->Read(entry));
    auto manifest = state::Manifest::Decode(text, store->location());
    info.damaged = !manifest.ok();
    if (manifest.ok()) {
      info.epoch = manifest->epoch;
      info.made_micros = manifest->created_micros;
      for (const state::OperatorEntry& op : manifest->operators) {
        for (const state::Section& section : op.sections)
          info.state_bytes += section.length;
      }
    }
    out.push_back(std::move(info));
  }
  return out;
}

Result<ManifestEntry> Checkpoints::Find(connector::ManifestStore& store,
                                        const std::string& pipeline,
                                        const std::string& which) {
  ARROW_ASSIGN_OR_RAISE(auto entries, store.List());
  const ManifestEntry* found = nullptr;
  for (const ManifestEntry& entry : entries) {
    if (entry.state == ManifestState::kPending) continue;
    const bool fits = which.empty() ? entry.state == ManifestState::kDecided
                                    : which == (entry.state == ManifestState::kSavepoint
                                                    ? entry.savepoint
                                                    : std::to_string(entry.epoch.value));
    if (fits) found = &entry;
  }
  if (found != nullptr) return *found;
  return errors::kNoCheckpoint.Make({}, "{} of pipeline '{}' in {}: there {}",
                                    which.empty() ? "any" : "'" + which + "'", pipeline,
                                    place_.directory, CheckpointNames(entries));
}

Result<std::string> Checkpoints::Show(const std::string& pipeline,
                                      const std::string& which) {
  ARROW_RETURN_NOT_OK(CheckKnown(pipeline));
  ARROW_ASSIGN_OR_RAISE(const auto store, Store(pipeline));
  ARROW_ASSIGN_OR_RAISE(ManifestEntry entry, Find(*store, pipeline, which));
  ARROW_ASSIGN_OR_RAISE(std::string text, store->Read(entry));
  ARROW_ASSIGN_OR_RAISE(state::Manifest manifest,
                        state::Manifest::Decode(text, store->location()));
  std::string made;
  AppendTimestamp(manifest.created_micros / 1'000'000, 1, &made);
  std::string out = fmt::format(
      "pipeline   {}\nepoch      {}\nmade       {} UTC, attempt {}\nwrites to  {}\n",
      manifest.pipeline, manifest.epoch.value, made, manifest.attempt, manifest.sink);
  if (manifest.final) out += "the input has ended\n";
  for (const auto& [name, value] : manifest.counters) {
    out += fmt::format("{:<10} {}\n", name, value);
  }
  for (const state::ScanEntry& scan : manifest.scans) {
    out += fmt::format("\nreads '{}': {} unfinished split{}\n", scan.table,
                       scan.unfinished.size(), scan.unfinished.size() == 1 ? "" : "s");
    for (const connector::SplitState& split : scan.unfinished) {
      out += fmt::format("  {} {}\n", split.split.name,
                         split.position.empty() ? "(not begun)" : "(begun)");
    }
  }
  for (const state::OperatorEntry& op : manifest.operators) {
    int64_t rows = 0, bytes = 0;
    for (const state::Section& section : op.sections) {
      rows += section.rows;
      bytes += section.length;
    }
    out += fmt::format("\n{}\n  {} rows in {} sections, {} bytes, {} task{}\n",
                       op.description, rows, op.sections.size(), bytes, op.tasks,
                       op.tasks == 1 ? "" : "s");
    for (const auto& [name, value] : op.facts) {
      if (!name.starts_with('#')) out += fmt::format("  {} {}\n", name, value);
    }
  }
  if (!manifest.tokens.empty()) out += "\nwrote\n";
  for (const connector::CommitToken& token : manifest.tokens) {
    out += fmt::format("  {} rows, {} bytes\n", token.rows, token.size);
  }
  return out;
}

Result<int64_t> Checkpoints::DropStrays(connector::ManifestStore& store) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, store.ReadNote(kStraysNote));
  ARROW_ASSIGN_OR_RAISE(const auto all, DecodeStrays(text));
  int64_t dropped = 0;
  for (const auto& [name, strays] : all) {
    const connector::ConnectorSpec* spec = engine_->connectors().Find(name);
    if (spec == nullptr || !spec->drop_strays) continue;
    ARROW_ASSIGN_OR_RAISE(const int64_t count, spec->drop_strays(strays, surroundings_));
    dropped += count;
  }
  return dropped;
}

Result<int64_t> Checkpoints::Drop(const std::string& pipeline, const std::string& which) {
  ARROW_RETURN_NOT_OK(CheckKnown(pipeline));
  ARROW_ASSIGN_OR_RAISE(const auto store, Store(pipeline));
  if (which.empty()) {
    ARROW_RETURN_NOT_OK(store->Acquire().status());
    // First: without the store nobody knows where they are.
    ARROW_ASSIGN_OR_RAISE(const int64_t dropped, DropStrays(*store));
    ARROW_RETURN_NOT_OK(store->RemoveAll());
    return dropped;
  }
  ARROW_ASSIGN_OR_RAISE(ManifestEntry entry, Find(*store, pipeline, which));
  if (entry.state != ManifestState::kSavepoint) {
    return errors::kBadOption.Make({},
                                   "'{}' is a checkpoint: only savepoints, or "
                                   "everything, can be dropped",
                                   which);
  }
  ARROW_RETURN_NOT_OK(store->Acquire().status());
  ARROW_RETURN_NOT_OK(store->Remove(entry));
  return 0;
}

}  // namespace millrace::engine
