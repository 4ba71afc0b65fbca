#include "millrace/runtime/checkpoint/coordinator.h"

#include <algorithm>

#include "millrace/base/error.h"
#include "millrace/base/failpoint.h"
#include "millrace/state/errors.h"
#include "millrace/state/names.h"
#include "millrace/state/state_file.h"

namespace millrace::runtime {

using connector::CommitToken;

Coordinator::Coordinator(CheckpointOptions options, CoordinatorContext context)
    : options_(std::move(options)),
      context_(std::move(context)),
      states_(options_.plan.operators,
              options_.restored == nullptr ? nullptr : &options_.restored->operators),
      bell_(std::make_shared<Bell>(context_.scheduler)) {
  last_ = options_.used;
  if (options_.store != nullptr) pruner_.emplace(options_.store);
  if (options_.restored == nullptr) return;
  decided_ = options_.restored->epoch;
  decided_tokens_ = options_.restored->tokens;
  counters_before_ = options_.restored->counters;
  context_.progress->checkpoint_epoch.store(decided_.value);
  context_.progress->checkpoint_micros.store(options_.restored->created_micros);
}

Coordinator::~Coordinator() {
  bell_->Silence();
  for (Scan& scan : scans_) scan.bell->Silence();
  asked_.insert(asked_.end(), wanted_by_.begin(), wanted_by_.end());
  for (Future<Epoch>& future : asked_) {
    future.MarkFinished(errors::kCancelled.Make({}, "the pipeline ended before"));
  }
}

const state::OperatorEntry* Coordinator::restored(int op) const {
  return options_.restored == nullptr
             ? nullptr
             : &options_.restored->operators[static_cast<size_t>(op)];
}

Status Coordinator::AddScan(std::string table, std::shared_ptr<ScanShared> shared) {
  Scan scan;
  scan.table = std::move(table);
  scan.shared = std::move(shared);
  scan.bell = std::make_shared<Bell>(context_.scheduler);
  if (options_.restored != nullptr) {
    const state::ScanEntry& entry = options_.restored->scans[scans_.size()];
    for (const connector::SplitState& state : entry.unfinished) {
      scan.unfinished[state.split.id.value] = state;
    }
  }
  const auto before = std::exchange(scan.unfinished, {});
  ARROW_RETURN_NOT_OK(Discover(scan, before));
  scan.shared->source->WakeOnNewSplits(Waker(scan.bell));
  scans_.push_back(std::move(scan));
  return Status::OK();
}

Status Coordinator::Discover(Scan& scan,
                             const std::map<int64_t, connector::SplitState>& before) {
  connector::Source& source = *scan.shared->source;
  ARROW_ASSIGN_OR_RAISE(auto splits, source.Discover());
  std::vector<connector::SplitState> added;
  for (connector::Split& split : splits) {
    const int64_t id = split.id.value;
    context_.progress->splits_total.fetch_add(1, std::memory_order_relaxed);
    context_.progress->bytes_total.fetch_add(split.approximate_bytes,
                                             std::memory_order_relaxed);
    auto& state = scan.unfinished[id];
    if (const auto found = before.find(id); found != before.end()) state = found->second;
    state.split = std::move(split);
    added.push_back(state);
  }
  ARROW_ASSIGN_OR_RAISE(scan.discovery_state, source.DiscoveryState());
  if (!added.empty()) {
    scan.shared->splits->Add(std::move(added));
    scan.shared->WakeReaders();
  }
  return Status::OK();
}

void Coordinator::Start() {
  if (checkpointed()) ArmTimer();
}

// A timer can't be taken back: one that is on its way is waited for, and set anew when it
// comes too early.
void Coordinator::ArmTimer() {
  if (options_.interval_nanos <= 0) return;
  due_ = context_.clock->MonotonicNanos() + options_.interval_nanos;
  if (!std::exchange(armed_, true)) context_.timers->WakeAt(due_, Waker(bell_));
}

bool Coordinator::TakeDueRing() {
  if (!bell_->TakeRing()) return false;
  armed_ = context_.clock->MonotonicNanos() < due_;
  if (armed_) context_.timers->WakeAt(due_, Waker(bell_));
  return !armed_;
}

void Coordinator::Take(TaskReport report) {
  {
    std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(report));
  }
  context_.scheduler->Notify();
}

Future<Epoch> Coordinator::Checkpoint(std::string savepoint) {
  auto future = Future<Epoch>::Make();
  {
    std::lock_guard lock(mutex_);
    wanted_ = true;
    wanted_by_.push_back(future);
    if (!savepoint.empty()) wanted_names_.push_back(std::move(savepoint));
  }
  context_.scheduler->Notify();
  return future;
}

void Coordinator::Stop(std::string savepoint) {
  {
    std::lock_guard lock(mutex_);
    wanted_ = stop_wanted_ = true;
    if (!savepoint.empty()) wanted_names_.push_back(std::move(savepoint));
  }
  context_.scheduler->Notify();
}

bool Coordinator::has_work() {
  if (std::any_of(scans_.begin(), scans_.end(),
                  [](const Scan& scan) { return scan.bell->rung(); })) {
    return true;
  }
  std::lock_guard lock(mutex_);
  return !inbox_.empty() ||
         (checkpointed() && !in_flight_ && !stopped_ && (wanted_ || bell_->rung()));
}

void Coordinator::Collect() {
  std::vector<TaskReport> reports;
  {
    std::lock_guard lock(mutex_);
    reports.swap(inbox_);
  }
  for (TaskReport& report : reports) {
    if (report.ended) {
      ended_.insert(report.task);
      of_ended_.push_back(std::move(report));
    } else {
      in_flight_->reported.insert(report.task);
      in_flight_->reports.push_back(std::move(report));
    }
  }
}

bool Coordinator::Complete() const {
  for (int task = 0; task < tasks_; ++task) {
    if (!in_flight_->reported.contains(task) && !ended_.contains(task)) return false;
  }
  return true;
}

void Coordinator::Begin() {
  {
    std::lock_guard lock(mutex_);
    wanted_ = false;
    savepoints_.swap(wanted_names_);
    asked_.swap(wanted_by_);
  }
  in_flight_.emplace();
  in_flight_->epoch = first_epoch();
  for (Scan& scan : scans_) scan.shared->AskBarrier(in_flight_->epoch);
}

Status Coordinator::Step() {
  for (Scan& scan : scans_) {
    if (scan.bell->TakeRing()) ARROW_RETURN_NOT_OK(Discover(scan, {}));
  }
  if (checkpointed() && !in_flight_ && !stopped_) {
    bool wanted;
    {
      std::lock_guard lock(mutex_);
      wanted = wanted_;
    }
    if (TakeDueRing() || wanted) Begin();
  }
  Collect();
  if (!in_flight_ || !Complete()) return Status::OK();
  // When every task has ended, what is left is the pipeline's last epoch: Finish.
  if (static_cast<int>(ended_.size()) == tasks_) return Status::OK();
  ARROW_RETURN_NOT_OK(Decide(/*final=*/false));
  Answer();
  std::lock_guard lock(mutex_);
  if (stop_wanted_) {
    // An epoch that began before the request does not bear the name that was asked for.
    stopped_ = wanted_names_.empty() && wanted_by_.empty();
  } else {
    ArmTimer();
  }
  return Status::OK();
}

void Coordinator::Answer() {
  for (Future<Epoch>& future : asked_) future.MarkFinished(decided_);
  asked_.clear();
}

// Waits on the coordinating thread; shards go on.
template <typename F>
Status Coordinator::Await(const F& future) {
  if (!future.is_finished()) {
    future.AddCallback(
        [scheduler = context_.scheduler](const auto&) { scheduler->Notify(); });
    context_.scheduler->RunUntil([&] { return future.is_finished(); });
    if (!future.is_finished()) {
      return errors::kInternal.Make({},
                                    "the pipeline is stuck: a checkpoint can't go on");
    }
  }
  return future.status();
}

Result<std::vector<CommitToken>> Coordinator::AwaitTokens(
    std::vector<TaskReport>& reports) {
  std::vector<CommitToken> out;
  Status failed;
  for (TaskReport& report : reports) {
    for (Future<CommitToken>& token : report.tokens) {
      // Each is waited for even when one has failed: what they hold is still in use.
      const Status status = Await(token);
      if (!status.ok()) {
        if (failed.ok()) failed = status;
        continue;
      }
      if (!token.result()->empty()) out.push_back(*token.result());
    }
  }
  ARROW_RETURN_NOT_OK(failed);
  return out;
}

Status Coordinator::WriteStates(std::vector<TaskReport>& reports) {
  struct File {
    std::vector<int> operators;
    Future<OperatorStates::Sections> sections;
  };
  std::vector<File> files;
  states_.Begin();
  for (TaskReport& report : reports) {
    auto writing = states_.Take(report);
    if (!writing) continue;
    std::string name =
        state::StateFileName(in_flight_->epoch, options_.attempt, report.task);
    auto sections = Future<OperatorStates::Sections>::Make();
    context_.executor->Submit([store = options_.store, name = std::move(name),
                               ordinal = writing->ordinal,
                               pieces = std::move(writing->pieces),
                               memory = context_.memory, future = sections]() mutable {
      future.MarkFinished(state::WriteStateFile(*store, name, ordinal, std::move(pieces),
                                                memory->pool()));
    });
    files.push_back({std::move(writing->operators), std::move(sections)});
  }
  Status failed;
  for (File& file : files) {
    // Each is waited for even when one has failed: what they hold is still in use.
    const Status status = Await(file.sections);
    if (status.ok()) {
      states_.Settle(file.operators, *file.sections.result());
    } else if (failed.ok()) {
      failed = status;
    }
  }
  return failed;
}

void Coordinator::ApplyProgress(const std::vector<TaskReport>& reports) {
  for (const TaskReport& report : reports) {
    for (const ScanProgress& progress : report.scans) {
      Scan& scan = scans_[static_cast<size_t>(progress.scan)];
      for (SplitId id : progress.finished) scan.unfinished.erase(id.value);
      for (const connector::SplitState& state : progress.unfinished) {
        scan.unfinished[state.split.id.value] = state;
      }
    }
  }
}

bool Coordinator::Moved(const std::vector<TaskReport>& reports) const {
  for (const TaskReport& report : reports) {
    if (report.ended) return true;
    for (const auto& [op, snapshot] : report.operators) {
      if (!snapshot.pieces().empty()) return true;
    }
    for (const ScanProgress& progress : report.scans) {
      if (!progress.finished.empty()) return true;
      const auto& known = scans_[static_cast<size_t>(progress.scan)].unfinished;
      for (const connector::SplitState& state : progress.unfinished) {
        const auto found = known.find(state.split.id.value);
        if (found == known.end() || found->second.position != state.position) return true;
      }
    }
  }
  return false;
}

state::Manifest Coordinator::MakeManifest(bool final,
                                          std::vector<CommitToken> tokens) const {
  state::Manifest out;
  out.pipeline = context_.pipeline;
  out.epoch = first_epoch();
  out.attempt = options_.attempt;
  out.created_micros = context_.clock->WallMicros();
  out.final = final;
  out.plan = options_.plan.fingerprint;
  out.sink = options_.plan.sink;
  out.tokens = std::move(tokens);
  for (const Scan& scan : scans_) {
    state::ScanEntry entry;
    entry.table = scan.table;
    entry.discovery_state = scan.discovery_state;
    for (const auto& [id, state] : scan.unfinished) entry.unfinished.push_back(state);
    out.scans.push_back(std::move(entry));
  }
  if (!final) out.operators = states_.entries();
  auto add = [&](const char* name, const std::atomic<int64_t>& value) {
    const auto before = counters_before_.find(name);
    out.counters[name] =
        value.load() + (before == counters_before_.end() ? 0 : before->second);
  };
  add("rows_read", context_.progress->rows_read);
  add("rows_written", context_.progress->rows_written);
  add("dead_letters", context_.progress->dead_letters);
  return out;
}

// The epoch in flight has been reported by everybody: make it happen.
Status Coordinator::Decide(bool final) {
  std::vector<TaskReport> reports = std::move(in_flight_->reports);
  // What a task did after its barrier belongs to the next epoch, even where it has ended:
  // its rows may not have met the barrier downstream.
  std::vector<TaskReport> later;
  for (TaskReport& report : of_ended_) {
    const bool now = final || report.epoch <= in_flight_->epoch;
    (now ? reports : later).push_back(std::move(report));
  }
  of_ended_ = std::move(later);
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.aligned"));
  ARROW_ASSIGN_OR_RAISE(auto tokens, AwaitTokens(reports));
  // Rows must not become visible whose dead letters may yet be lost.
  if (context_.dead_letters != nullptr)
    ARROW_RETURN_NOT_OK(context_.dead_letters->Sync(final));
  if (!checkpointed()) {
    context_.progress->epochs_decided.fetch_add(1);
    last_ = decided_ = in_flight_->epoch;
    in_flight_.reset();
    return CommitDecided(std::move(tokens));
  }
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.prepared"));
  if (!final && savepoints_.empty() && tokens.empty() && !Moved(reports)) {
    // Nothing happened: the manifest that stands says everything. The number is used up,
    // as the tasks have counted it.
    last_ = in_flight_->epoch;
    in_flight_.reset();
    if (sink_->commit_class() != connector::CommitClass::kAtomic) return Status::OK();
    // Its writers wait for the end of the transaction, empty or not.
    return Await(sink_->committer().Commit(last_, {}));
  }
  ARROW_RETURN_NOT_OK(WriteStates(reports));
  ApplyProgress(reports);
  connector::ManifestStore& store = *options_.store;
  const Epoch epoch = in_flight_->epoch;
  ARROW_RETURN_NOT_OK(store.WritePending(epoch, MakeManifest(final, tokens).Encode()));
  deciding_ = true;
  if (sink_->commit_class() == connector::CommitClass::kAtomic) {
    // The decision is the sink's transaction, which records the epoch.
    ARROW_RETURN_NOT_OK(Await(sink_->committer().Commit(epoch, tokens)));
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.recorded"));
  }
  ARROW_RETURN_NOT_OK(store.Promote(epoch));
  deciding_ = false;
  last_ = decided_ = epoch;
  context_.progress->checkpoint_epoch.store(epoch.value);
  context_.progress->checkpoint_micros.store(context_.clock->WallMicros());
  context_.progress->epochs_decided.fetch_add(1);
  decided_tokens_ = tokens;
  in_flight_.reset();
  for (const std::string& name : savepoints_) {
    ARROW_RETURN_NOT_OK(store.NameSavepoint(epoch, name));
  }
  savepoints_.clear();
  ARROW_RETURN_NOT_OK(CommitDecided(std::move(tokens)));
  for (Scan& scan : scans_) {
    std::vector<std::pair<SplitId, data::Position>> positions;
    for (const auto& [id, state] : scan.unfinished) {
      if (!state.position.empty()) positions.emplace_back(SplitId{id}, state.position);
    }
    scan.shared->source->Acknowledge(positions);
  }
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.acknowledged"));
  return final ? Status::OK() : pruner_->Prune(options_.retained);
}

Status Coordinator::CommitDecided(std::vector<CommitToken> tokens) {
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.commit"));
  int64_t bytes = 0;
  for (const CommitToken& token : tokens) bytes += token.size;
  const bool atomic =
      checkpointed() && sink_->commit_class() == connector::CommitClass::kAtomic;
  if (!atomic) {
    ARROW_RETURN_NOT_OK(Await(sink_->committer().Commit(decided_, std::move(tokens))));
  }
  context_.progress->bytes_committed.fetch_add(bytes, std::memory_order_relaxed);
  return failpoint::Reach("checkpoint.committed");
}

Status Coordinator::Finish() {
  // A barrier that was under way has met its end.
  if (!in_flight_) {
    in_flight_.emplace();
    in_flight_->epoch = first_epoch();
  }
  Collect();
  ARROW_RETURN_NOT_OK(Decide(/*final=*/true));
  if (!checkpointed()) return Status::OK();
  return options_.keeps_checkpoint ? pruner_->Prune(0) : state::Retire(*options_.store);
}

void Coordinator::Abandon() {
  // A decision that failed may have been made all the same, a rename whose folder could
  // not be synced, say. The next run knows; aborting now would lose that epoch's rows.
  if (deciding_) return;
  // Should that fail too, the next run finds it; the user hears of the first error.
  (void)sink_->committer().Recover(
      checkpointed() ? decided_ : Epoch{0},
      checkpointed() ? decided_tokens_ : std::vector<CommitToken>{});
}

}  // namespace millrace::runtime
