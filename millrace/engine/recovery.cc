#include "millrace/engine/recovery.h"

#include <algorithm>
#include <charconv>

#include <arrow/util/base64.h>
#include <fmt/ranges.h>

#include "millrace/io/object_store/open_store.h"
#include "millrace/state/errors.h"
#include "millrace/state/state_file.h"

namespace millrace::engine {

using connector::ManifestEntry;
using connector::ManifestState;

namespace {

constexpr char kEndedNote[] = "ended";

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size(); at += out.back().size() + 1) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
  }
  return out;
}

std::string Start(const JobOptions& options) {
  return options.start_over.value_or(options.start_from);
}

}  // namespace

std::string LocalStateDir(const ConfigSpec::Lookup& environment) {
  if (auto given = environment("MILLRACE_STATE_DIR");
      given && !given->empty() && !io::IsObjectAddress(*given))
    return *given;
  if (auto given = environment("XDG_STATE_HOME"); given && !given->empty())
    return *given + "/millrace";
  return environment("HOME").value_or(".") + "/.local/state/millrace";
}

std::string DefaultStateDir(const ConfigSpec::Lookup& environment) {
  auto given = environment("MILLRACE_STATE_DIR");
  return given && !given->empty() ? *given : LocalStateDir(environment);
}

std::string CheckpointNames(const std::vector<ManifestEntry>& entries) {
  std::vector<std::string> names;
  for (const ManifestEntry& entry : entries) {
    if (entry.state == ManifestState::kDecided)
      names.push_back(std::to_string(entry.epoch.value));
    if (entry.state == ManifestState::kSavepoint)
      names.push_back(fmt::format("'{}'", entry.savepoint));
  }
  if (names.empty()) return "is none";
  return fmt::format("{} {}", names.size() == 1 ? "is" : "are", fmt::join(names, ", "));
}

Result<std::vector<Strays>> DecodeStrays(const std::string& text) {
  std::vector<Strays> out;
  for (const std::string& line : LinesOf(text)) {
    const size_t space = std::min(line.find(' '), line.size());
    ARROW_ASSIGN_OR_RAISE(
        std::string strays,
        arrow::util::base64_decode(
            std::string_view(line).substr(space).substr(space < line.size() ? 1 : 0)));
    out.emplace_back(line.substr(0, space), std::move(strays));
  }
  return out;
}

state::Place PlaceOf(const JobOptions& options, const ConfigSpec::Lookup& environment) {
  return {options.state_dir.empty() ? DefaultStateDir(environment) : options.state_dir,
          options.state_options};
}

Result<std::unique_ptr<connector::ManifestStore>> Recovery::StoreOf(
    const JobOptions& options, const connector::Surroundings& surroundings) {
  return state::OpenManifestStore(PlaceOf(options, surroundings.environment),
                                  options.name.text, surroundings);
}

Status Recovery::Forget() {
  ARROW_RETURN_NOT_OK(state::Retire(*store_));
  return store_->WriteNote(kEndedNote, "");
}

Status Recovery::MarkEnded(const std::vector<std::string>& names) {
  return store_->WriteNote(kEndedNote, fmt::format("{}", fmt::join(names, "\n")));
}

Result<std::set<std::string>> Recovery::Ended(
    const JobOptions& options, const connector::Surroundings& surroundings) {
  ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(options, surroundings));
  ARROW_ASSIGN_OR_RAISE(const std::string text, store->ReadNote(kEndedNote));
  const std::vector<std::string> names = LinesOf(text);
  return std::set<std::string>(names.begin(), names.end());
}

Result<std::unique_ptr<Recovery>> Recovery::Open(
    const JobOptions& options, const connector::Surroundings& surroundings) {
  if (!options.name.chosen) return errors::kNeedsName.Make({}, "");
  std::unique_ptr<Recovery> out(new Recovery(options));
  ARROW_ASSIGN_OR_RAISE(out->store_, StoreOf(options, surroundings));
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

// What the options ask for, or else the newest; null where that is not there.
const ManifestEntry* Recovery::ChosenOf(const std::vector<ManifestEntry>& entries) const {
  const std::string start = Start(options_);
  const ManifestEntry* chosen = nullptr;
  for (const ManifestEntry& entry : entries) {
    const bool decided = entry.state == ManifestState::kDecided;
    const bool wanted = start.empty() ? decided
                        : entry.state == ManifestState::kSavepoint
                            ? entry.savepoint == start
                            : decided && std::to_string(entry.epoch.value) == start;
    if (wanted) chosen = &entry;
  }
  return chosen;
}

std::map<std::string, std::string> Recovery::EarlierDiscovery(
    const JobOptions& options, const connector::Surroundings& surroundings) {
  std::map<std::string, std::string> out;
  if (!options.name.chosen || options.checkpoints == WhenCheckpoints::kOff) return out;
  Recovery recovery(options);
  auto store = StoreOf(options, surroundings);
  if (!store.ok()) return out;
  recovery.store_ = std::move(*store);
  const auto entries = recovery.store_->List();
  if (!entries.ok()) return out;
  const ManifestEntry* const chosen = recovery.ChosenOf(*entries);
  if (chosen == nullptr) return out;
  auto manifest = recovery.Read(*chosen);
  if (!manifest.ok()) return out;
  for (state::ScanEntry& scan : manifest->scans)
    out[scan.table] = std::move(scan.discovery_state);
  return out;
}

// Its manifest, and all of the state that it names.
bool Recovery::IsIntact(const ManifestEntry& entry) {
  const auto manifest = Read(entry);
  if (!manifest.ok()) return false;
  for (const state::OperatorEntry& op : manifest->operators) {
    if (!state::CheckOperatorState(*store_, op).ok()) return false;
  }
  return true;
}

// Says which earlier epoch is intact, so that the user has somewhere to go.
Status Recovery::Damaged(const Status& status, const ManifestEntry& damaged,
                         const std::vector<ManifestEntry>& entries) {
  const int number = ErrorNumber(status);
  const bool state = number == errors::kStateDamaged.number;
  if (!state && number != errors::kManifestDamaged.number) return status;
  const ErrorDetail* detail = ErrorDetail::Of(status);
  auto with = [&](const std::string& offer) {
    return (state ? errors::kStateDamaged : errors::kManifestDamaged)
        .Make(detail->where(), "{}; {}", detail->values(), offer);
  };
  const bool decided = damaged.state == ManifestState::kDecided;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->state != ManifestState::kDecided) continue;
    if (decided && entry->epoch >= damaged.epoch) continue;
    if (!IsIntact(*entry)) continue;
    return with(fmt::format("epoch {0} is intact: go on with -o start_from={0}",
                            entry->epoch.value));
  }
  for (const ManifestEntry& entry : entries) {
    if (entry.state != ManifestState::kSavepoint || !IsIntact(entry)) continue;
    return with(fmt::format("savepoint {0} is intact: go on with -o start_from={0}",
                            entry.savepoint));
  }
  return with(fmt::format(
      "nothing earlier is intact: `millrace checkpoint drop {}` lets it begin anew",
      options_.name.text));
}

Status Recovery::Explained(const Status& status) {
  if (ErrorNumber(status) != errors::kStateDamaged.number || !chosen_) return status;
  const auto entries = store_->List();
  return entries.ok() ? Damaged(status, *chosen_, *entries) : status;
}

Status Recovery::RememberStrays(const std::string& connector, const std::string& strays) {
  if (strays.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(std::string text, store_->ReadNote(kStraysNote));
  const std::string line =
      fmt::format("{} {}\n", connector, arrow::util::base64_encode(strays));
  // A sink that writes elsewhere now leaves what lies where it wrote before.
  if (text.find(line) != text.npos) return Status::OK();
  return store_->WriteNote(kStraysNote, text + line);
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
  const ManifestEntry* const chosen = ChosenOf(entries);
  if (const std::string start = Start(options_); !start.empty() && chosen == nullptr) {
    return errors::kNoCheckpoint.Make({}, "'{}' in {}: there {}", start,
                                      store_->location(), CheckpointNames(entries));
  }
  if (newest != nullptr) {
    newest_ = newest->epoch;
    auto read = Read(*newest);
    // Where another one was asked for, a damaged newest one has been given up.
    if (read.ok()) {
      newest_tokens_ = read->tokens;
    } else if (chosen == newest) {
      return Damaged(read.status(), *newest, entries);
    }
  }
  used_ = std::max(newest_, recorded);
  if (chosen == nullptr) return Status::OK();
  auto read = Read(*chosen);
  if (!read.ok()) return Damaged(read.status(), *chosen, entries);
  chosen_ = *chosen;
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
  out.keeps_checkpoint = options_.keeps_checkpoint;
  out.attempt = attempt_;
  out.used = used_;
  out.restored = manifest();
  out.plan = std::move(plan);
  return out;
}

}  // namespace millrace::engine
