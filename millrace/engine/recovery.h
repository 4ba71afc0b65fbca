// Recovery: from the checkpoints of a pipeline to what its next run starts from.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/connector/manifest_store.h"
#include "millrace/connector/sink.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/settings.h"
#include "millrace/plan/identity.h"
#include "millrace/runtime/checkpoint/coordinator.h"
#include "millrace/state/manifest.h"
#include "millrace/state/place.h"
#include "millrace/state/retention.h"

namespace millrace::engine {

/// The folder that holds checkpoints when a job names none.
std::string DefaultStateDir(const ConfigSpec::Lookup& environment);
/// The folder of this machine for everything else that outlives a process.
std::string LocalStateDir(const ConfigSpec::Lookup& environment);
/// Where the checkpoints of a job are.
state::Place PlaceOf(const JobOptions& options, const ConfigSpec::Lookup& environment);

/// For an error: what can be started from, the newest last.
std::string CheckpointNames(const std::vector<connector::ManifestEntry>& entries);

/// The note of a pipeline's strays: a line each of a connector and what its sink told.
inline constexpr char kStraysNote[] = "strays";
using Strays = std::pair<std::string, std::string>;
Result<std::vector<Strays>> DecodeStrays(const std::string& text);

/// Used by the thread that makes the job, in the order of its functions; lives as long as
/// the job, and keeps every other process from running the pipeline.
class Recovery {
 public:
  /// Takes the pipeline (kPipelineTaken). What `surroundings` lend outlives it.
  static Result<std::unique_ptr<Recovery>> Open(
      const JobOptions& options, const connector::Surroundings& surroundings);

  int64_t attempt() const { return attempt_; }

  /// What a kAtomic sink recorded decides about a pending manifest; any other one is
  /// discarded. Then choose what to start from (kManifestDamaged, kNoCheckpoint).
  Status Choose(connector::Sink& sink);
  /// What is continued, or null: the pipeline begins.
  const state::Manifest* manifest() const { return manifest_ ? &*manifest_ : nullptr; }
  /// The run before had read everything, and was cut off while it made that visible.
  bool finished() const { return manifest_ && manifest_->final; }

  /// Put the entries of the manifest into the order of this plan, or say why they can't
  /// be (kStateRefused).
  Status Fit(const plan::PlanIdentity& plan);
  /// Commit what is decided, abort every stray. After EnsureTable, before Open.
  Status RecoverSink(connector::Sink& sink);
  /// Where the sink keeps what is not committed, for whoever drops the pipeline. Before
  /// the sink has any of that.
  Status RememberStrays(const std::string& connector, const std::string& strays);
  /// `status` of a run that failed; where its state was damaged, with what is intact.
  Status Explained(const Status& status);
  /// A finished pipeline has no checkpoint any more.
  Status Forget();

  /// This is the first pipeline of a script that has ended, whose pipelines are `names`:
  /// from here on none of them is to be run again until all are forgotten, this one last.
  Status MarkEnded(const std::vector<std::string>& names);
  /// What MarkEnded said in an earlier run that was cut off while it forgot them.
  static Result<std::set<std::string>> Ended(const JobOptions& options,
                                             const connector::Surroundings& surroundings);

  /// What the run that `options` go on from said of each table that it read; nothing
  /// where there is none that can be read, which Choose reports. Takes nothing.
  static std::map<std::string, std::string> EarlierDiscovery(
      const JobOptions& options, const connector::Surroundings& surroundings);

  runtime::CheckpointOptions PipelineOptions(plan::PlanIdentity plan) const;

 private:
  explicit Recovery(JobOptions options) : options_(std::move(options)) {}
  static Result<std::unique_ptr<connector::ManifestStore>> StoreOf(
      const JobOptions& options, const connector::Surroundings& surroundings);
  Result<state::Manifest> Read(const connector::ManifestEntry& entry);
  const connector::ManifestEntry* ChosenOf(
      const std::vector<connector::ManifestEntry>& entries) const;
  bool IsIntact(const connector::ManifestEntry& entry);
  Status Damaged(const Status& status, const connector::ManifestEntry& entry,
                 const std::vector<connector::ManifestEntry>& entries);

  const JobOptions options_;
  std::unique_ptr<connector::ManifestStore> store_;
  int64_t attempt_ = 0;
  std::optional<state::Manifest> manifest_;
  std::optional<connector::ManifestEntry> chosen_;  // that manifest_ was read from
  Epoch newest_{0};  // decided, whether or not it is the one to start from
  Epoch used_{0};    // numbers up to this one must not be used again
  std::vector<connector::CommitToken> newest_tokens_;
};

}  // namespace millrace::engine
