// Coordinator: drives the epochs of one pipeline, from the first barrier to the last
// acknowledgement.
//
// An epoch: barriers are asked of the scans; every task reports what it leaves at them;
// state files are written on the executor; the manifest becomes pending, then decided;
// the sink commits; sources are told. A job without a store has one epoch, its end, and
// no manifest.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/executor.h"
#include "millrace/base/future.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/timers.h"
#include "millrace/connector/manifest_store.h"
#include "millrace/plan/identity.h"
#include "millrace/runtime/checkpoint/bell.h"
#include "millrace/runtime/checkpoint/operator_states.h"
#include "millrace/runtime/checkpoint/report.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/scan.h"
#include "millrace/runtime/scheduler.h"
#include "millrace/state/manifest.h"
#include "millrace/state/retention.h"

namespace millrace::runtime {

/// How often a pipeline is made safe, and what it goes on from.
struct CheckpointOptions {
  /// Null: nothing outlives the process, everything is committed once, at the end.
  connector::ManifestStore* store = nullptr;
  int64_t interval_nanos = 10'000'000'000;
  /// Decided manifests that are kept besides the newest.
  int retained = 1;
  int64_t attempt = 0;
  /// Earlier runs used the numbers up to this one, also for epochs without a manifest.
  Epoch used{0};
  /// What the pipeline continues from, or null. Outlives the pipeline.
  const state::Manifest* restored = nullptr;
  /// The last checkpoint stays when everything was read.
  bool keeps_checkpoint = false;
  plan::PlanIdentity plan;
};

/// What the coordinator uses of the process.
struct CoordinatorContext {
  Scheduler* scheduler = nullptr;
  const Clock* clock = nullptr;
  Executor* executor = nullptr;
  Timers* timers = nullptr;
  std::shared_ptr<MemoryBudget> memory;
  std::string pipeline;
  DeadLetterOffice* dead_letters = nullptr;
  Progress* progress = nullptr;
};

/// Built by the pipeline; Take, Checkpoint and Stop come from any thread, everything else
/// from the coordinating one.
class Coordinator final : public TaskReports {
 public:
  Coordinator(CheckpointOptions options, CoordinatorContext context);
  ~Coordinator() override;

  /// The scans in the order of their ordinals, before Start. Splits are asked for here.
  Status AddScan(std::string table, std::shared_ptr<ScanShared> scan);
  void SetSink(connector::Sink* sink) { sink_ = sink; }
  /// Are snapshots wanted?
  bool checkpointed() const { return options_.store != nullptr; }
  /// May operators build on what an earlier run wrote? Only at the same number of tasks.
  void SetTasks(int tasks) { tasks_ = tasks; }
  Epoch first_epoch() const { return Epoch{last_.value + 1}; }
  /// What stands of operator `op` from the run before, or null.
  const state::OperatorEntry* restored(int op) const;
  /// An operator starts at another number of tasks: its old sections are not built upon.
  void ForgetSections(int op) { states_.Forget(op); }

  /// Begin to look at the clock.
  void Start();
  void Take(TaskReport report) override;
  /// Ask for a checkpoint now; `savepoint` is the name it is to be kept under, or empty.
  /// Answers the newest epoch that has a manifest once all that was read before the call
  /// is in it, or errors::kCancelled where the pipeline ends without.
  Future<Epoch> Checkpoint(std::string savepoint);
  /// As Checkpoint; afterwards stopped() answers true and no further epoch begins.
  void Stop(std::string savepoint);

  /// Is there something for Step to do?
  bool has_work();
  /// Do it. Waits for the executor, not for tasks.
  Status Step();
  bool stopped() const { return stopped_; }
  /// Every task has ended: commit what is left. A pipeline that has read all of its input
  /// has no checkpoint any more.
  Status Finish();
  /// The pipeline failed: abort what is prepared and not decided. Best effort.
  void Abandon();

  Epoch last() const { return last_; }

 private:
  struct Scan {
    std::string table;
    std::shared_ptr<ScanShared> shared;
    std::string discovery_state;
    std::map<int64_t, connector::SplitState> unfinished;  // by split id
    std::shared_ptr<Bell> bell;                           // rung by the source
  };
  struct InFlight {
    Epoch epoch;
    std::set<int> reported;
    std::vector<TaskReport> reports;
  };

  void Collect();
  /// `before`: how far its splits had been read.
  Status Discover(Scan& scan, const std::map<int64_t, connector::SplitState>& before);
  void Begin();
  bool Complete() const;
  Status Decide(bool final);
  bool Moved(const std::vector<TaskReport>& reports) const;
  void ApplyProgress(const std::vector<TaskReport>& reports);
  Result<std::vector<connector::CommitToken>> AwaitTokens(
      std::vector<TaskReport>& reports);
  Status WriteStates(std::vector<TaskReport>& reports);
  state::Manifest MakeManifest(bool final,
                               std::vector<connector::CommitToken> tokens) const;
  Status CommitDecided(std::vector<connector::CommitToken> tokens);
  /// Tell those who wait for the epoch that has come to its end.
  void Answer();
  template <typename F>
  Status Await(const F& future);
  void ArmTimer();
  /// Has the time come? Takes the timer's ring.
  bool TakeDueRing();

  const CheckpointOptions options_;
  const CoordinatorContext context_;
  connector::Sink* sink_ = nullptr;
  int tasks_ = 0;
  std::vector<Scan> scans_;
  OperatorStates states_;
  std::optional<state::Pruner> pruner_;  // where there is a store
  Epoch last_{0};                        // that was completed, with or without a manifest
  Epoch decided_{0};                     // that has one
  std::vector<connector::CommitToken> decided_tokens_;
  std::optional<InFlight> in_flight_;
  std::set<int> ended_;
  std::vector<TaskReport> of_ended_;  // that no epoch has taken up yet
  std::map<std::string, int64_t> counters_before_;
  bool stopped_ = false;
  bool deciding_ = false;  // an epoch's decision was begun and is not known to be made
  std::vector<std::string> savepoints_;  // names for the epoch in flight
  std::vector<Future<Epoch>> asked_;     // who waits for the epoch in flight
  std::shared_ptr<Bell> bell_;           // rung by the timer
  int64_t due_ = 0;                      // when the next epoch begins by itself
  bool armed_ = false;                   // a timer is on its way

  std::mutex mutex_;
  std::vector<TaskReport> inbox_;
  bool wanted_ = false;  // a checkpoint, now
  bool stop_wanted_ = false;
  std::vector<std::string> wanted_names_;
  std::vector<Future<Epoch>> wanted_by_;
};

}  // namespace millrace::runtime
