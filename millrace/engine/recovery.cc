#include "millrace/engine/recovery.h"

#include <algorithm>
#include <charconv>

#include "millrace/state/errors.h"
#include "millrace/state/local_manifest_store.h"

namespace millrace::engine {

using connector::ManifestEntry;
using connector::ManifestState;

std::string DefaultStateDir(const ConfigSpec::Lookup& environment) {
  if (auto given = environment("MILLRACE_STATE_DIR"); given && !given->empty())
    return *given;
  if (auto given = environment("XDG_STATE_HOME"); given && !given->empty())
    return *given + "/millrace";
  return environment("HOME").value_or(".") + "/.local/state/millrace";
}

Result<std::unique_ptr<Recovery>> Recovery::Open(Engine* engine,
                                                 const JobOptions& options) {
  if (!options.name.chosen) return errors::kNeedsName.Make({}, "");
  std::unique_ptr<Recovery> out(new Recovery(options));
  out->store_ = state::MakeLocalManifestStore(engine->shared_files(), &engine->clock(),
                                              options.state_dir.empty()
                                                  ? DefaultStateDir(engine->environment())
                                                  : options.state_dir,
                                              options.name.text);
  ARROW_ASSIGN_OR_RAISE(out->attempt_, out->store_->Acquire());
  return out;
}

Result<state::Manifest> Recovery::Read(const ManifestEntry& entry) {
  ARROW_ASSIGN_OR_RAISE(std::string text, store_->Read(entry));
  return state::Manifest::Decode(
      text, fmt::format("{}, {}", store_->location(),
                        entry.savepoint.empty()
                            ? fmt::format("epoch {}", entry.epoch.value)
                            : fmt::format("savepoint {}", entry.savepoint)));
}

// Says which earlier epoch is intact, so that the user has somewhere to go.
Status Recovery::Damaged(const Status& status, Epoch epoch,
                         const std::vector<ManifestEntry>& entries) {
  if (ErrorNumber(status) != errors::kManifestDamaged.number) return status;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->state != ManifestState::kDecided || entry->epoch >= epoch) continue;
    if (!Read(*entry).ok()) continue;
    const ErrorDetail* detail = ErrorDetail::Of(status);
    return errors::kManifestDamaged.Make(detail->where(), "{}; epoch {} is intact",
                                         detail->values(), entry->epoch.value);
  }
  return status;
}

Status Recovery::Choose(connector::Sink& sink) {
  const bool atomic = sink.commit_class() == connector::CommitClass::kAtomic;
  Epoch recorded{0};
  if (atomic) {
    ARROW_ASSIGN_OR_RAISE(recorded, sink.committer().FenceAndReadEpoch());
  }
  ARROW_ASSIGN_OR_RAISE(auto entries, store_->List());
  for (ManifestEntry& entry : entries) {
    if (entry.state != ManifestState::kPending) continue;
    if (atomic && entry.epoch == recorded) {
      ARROW_RETURN_NOT_OK(Read(entry).status());
      ARROW_RETURN_NOT_OK(store_->Promote(entry.epoch));
      entry.state = ManifestState::kDecided;
    } else {
      ARROW_RETURN_NOT_OK(store_->Remove(entry));
    }
  }
  const ManifestEntry* newest = nullptr;
  for (const ManifestEntry& entry : entries) {
    if (entry.state == ManifestState::kDecided) newest = &entry;
  }
  const ManifestEntry* chosen = newest;
  const std::string start = options_.start_over.value_or(options_.start_from);
  if (!start.empty()) {
    chosen = nullptr;
    for (const ManifestEntry& entry : entries) {
      const bool named = entry.state == ManifestState::kSavepoint
                             ? entry.savepoint == start
                             : entry.state == ManifestState::kDecided &&
                                   std::to_string(entry.epoch.value) == start;
      if (named) chosen = &entry;
    }
    if (chosen == nullptr) {
      return errors::kNoCheckpoint.Make({}, "'{}' in {}", start, store_->location());
    }
  }
  if (newest != nullptr) {
    newest_ = newest->epoch;
    auto read = Read(*newest);
    // Where another one was asked for, a damaged newest one has been given up.
    if (read.ok()) {
      newest_tokens_ = read->tokens;
    } else if (chosen == newest) {
      return Damaged(read.status(), newest->epoch, entries);
    }
  }
  used_ = std::max(newest_, recorded);
  if (chosen == nullptr) return Status::OK();
  auto read = Read(*chosen);
  if (!read.ok()) return Damaged(read.status(), chosen->epoch, entries);
  manifest_ = std::move(*read);
  if (newest == nullptr) newest_ = manifest_->epoch;
  // Epochs are never used twice, also when an earlier one is gone back to.
  manifest_->epoch = newest_;
  used_ = std::max(used_, newest_);
  if (chosen != newest) manifest_->tokens = newest_tokens_;
  return Status::OK();
}

Status Recovery::Fit(const plan::PlanIdentity& plan) {
  if (!manifest_) return Status::OK();
  auto refuse = [this](const std::string& why) {
    return errors::kStateRefused.Make({}, "pipeline '{}': {}", options_.name.text, why);
  };
  if (manifest_->sink != plan.sink) {
    return refuse(
        fmt::format("it wrote to {}, and is to write to {}", manifest_->sink, plan.sink));
  }
  std::vector<state::ScanEntry> ordered_scans;
  for (const std::string& table : plan.scans) {
    auto found = std::find_if(manifest_->scans.begin(), manifest_->scans.end(),
                              [&](const auto& scan) { return scan.table == table; });
    if (found == manifest_->scans.end())
      return refuse(fmt::format("it did not read '{}' before", table));
    ordered_scans.push_back(std::move(*found));
    manifest_->scans.erase(found);
  }
  if (!manifest_->scans.empty()) {
    return refuse(
        fmt::format("it does not read '{}' any more", manifest_->scans.front().table));
  }
  manifest_->scans = std::move(ordered_scans);
  if (manifest_->final) {
    // Nothing is read again, so that another query would have no effect.
    if (manifest_->plan == plan.fingerprint) return Status::OK();
    return refuse("it has read everything with another query");
  }
  std::vector<state::OperatorEntry> ordered;
  for (const plan::OperatorIdentity& identity : plan.operators) {
    auto found = std::find_if(
        manifest_->operators.begin(), manifest_->operators.end(),
        [&](const auto& op) { return op.fingerprint == identity.fingerprint; });
    if (found == manifest_->operators.end()) {
      return refuse(
          fmt::format("there is no state for '{}'{}", identity.description,
                      manifest_->operators.empty()
                          ? ""
                          : fmt::format(", but some of '{}'",
                                        manifest_->operators.front().description)));
    }
    ordered.push_back(std::move(*found));
    manifest_->operators.erase(found);
  }
  if (!manifest_->operators.empty()) {
    return refuse(fmt::format("there is state of '{}', which is in the query no more",
                              manifest_->operators.front().description));
  }
  manifest_->operators = std::move(ordered);
  return Status::OK();
}

Status Recovery::RecoverSink(connector::Sink& sink) {
  return sink.committer()
      .Recover(newest_,
               manifest_ ? manifest_->tokens : std::vector<connector::CommitToken>{})
      .status();
}

runtime::CheckpointOptions Recovery::PipelineOptions(plan::PlanIdentity plan) const {
  runtime::CheckpointOptions out;
  out.store = store_.get();
  out.interval_nanos = options_.checkpoint_interval_nanos;
  out.retained = options_.checkpoints_retained;
  out.keeps_last = options_.keeps_checkpoint;
  out.attempt = attempt_;
  out.used = used_;
  out.restored = manifest();
  out.plan = std::move(plan);
  return out;
}

}  // namespace millrace::engine
