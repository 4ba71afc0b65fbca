// Job: a plan with its connectors, from check to commit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/resilience/health.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/dead_letters.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/promise.h"
#include "millrace/engine/recovery.h"
#include "millrace/engine/result_sink.h"
#include "millrace/engine/settings.h"
#include "millrace/engine/stop_watch.h"
#include "millrace/plan/node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"
#include "millrace/runtime/pipeline.h"

namespace millrace::engine {

/// How a connector of a job is doing: "source flights", "sink copy".
struct ConnectorHealth {
  std::string name;
  connector::resilience::HealthSnapshot health;
};

/// What a finished job did.
struct JobSummary {
  int64_t rows_read = 0;
  int64_t rows_written = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  int64_t dead_letters = 0;
  int64_t rows_invalid = 0;      ///< broke a rule of the sink; set aside or left out
  std::string dead_letter_file;  ///< where they are, when there are any and they are kept
  int64_t rows_late = 0;         ///< left out: their window had been closed
  int64_t rows_without_time = 0;  ///< left out: their event time was NULL
  std::vector<ConnectorHealth>
      connectors;  ///< sources in the plan's order, then the sink
  int64_t nanos = 0;
  int64_t peak_memory = 0;  ///< of the budget
};

/// Make, Start, Finish: by one thread. Cancel, progress: by any.
class Job {
 public:
  /// `plan` is rooted in a WriteNode; `result` replaces its sink when it is given.
  /// Nothing moves before Start, but the sink's destination is checked and sources are
  /// asked for their splits.
  static Result<std::unique_ptr<Job>> Make(
      Engine* engine, SessionCatalog* catalog, plan::NodePtr plan, JobOptions options,
      std::unique_ptr<connector::Sink> result = nullptr);
  ~Job();

  void Start();
  /// End at once; what no epoch has decided is thrown away.
  void Cancel(Status reason);
  /// End as soon as what was read is safe: at a checkpoint, under `savepoint` if that is
  /// not empty. A job without checkpoints is cancelled for `reason`, and so is one whose
  /// sink shows rows as they are written when nobody takes them any more, unless the
  /// checkpoint was asked for by its name.
  void Stop(std::string savepoint, Status reason);
  /// May a checkpoint be kept as `savepoint`? Not where one is (kSavepointTaken): it
  /// stays until it is dropped. Thread-safe.
  Status CheckSavepoint(const std::string& savepoint) const;
  /// Make a checkpoint now. Only where checkpointed().
  /// The answer is the newest epoch, once it is made; errors::kCancelled where the job
  /// ends without.
  Future<Epoch> Checkpoint(std::string savepoint) {
    return pipeline_->Checkpoint(std::move(savepoint));
  }
  bool checkpointed() const { return recovery_ != nullptr && pipeline_ != nullptr; }
  /// Finish came to its end by Stop: there is more to do for another run.
  bool stopped() const { return pipeline_ && pipeline_->stopped(); }
  Result<JobSummary> Finish();

  const runtime::Progress& progress() const {
    return pipeline_ ? pipeline_->progress() : none_;
  }
  /// Of its sources and its sink; those without policies are left out.
  std::vector<ConnectorHealth> health() const;
  int64_t memory_used() const { return memory_->used(); }
  /// The plan as it runs, exchanges included; after Finish with rows and time per node.
  std::string ExplainAnalyzed() const;
  const plan::NodePtr& plan() const { return plan_; }
  const std::string& name() const { return options_.name.text; }
  /// Its last checkpoint is there after it has finished, for whoever asked for that.
  bool keeps_checkpoint() const { return recovery_ && options_.keeps_checkpoint; }
  /// What the job goes on from, as one line; empty where it begins.
  std::string start() const;
  /// Can all of its sources be read again? If not, another run would go on in the middle
  /// of what this one has read.
  bool rereads() const { return rereading_.replay != connector::Replay::kNever; }
  /// What the pipeline promises, as one line: "exactly once (two-phase commit)".
  const std::string& guarantee() const { return guarantee_; }

 private:
  Job(Engine* engine, JobOptions options);

  Engine* const engine_;
  const JobOptions options_;
  std::shared_ptr<MemoryBudget> memory_;
  std::unique_ptr<Recovery> recovery_;  // null: nothing outlives the process
  std::unique_ptr<connector::Sink> sink_;
  std::string guarantee_;
  Rereading rereading_;
  std::vector<std::unique_ptr<connector::Source>> sources_;
  struct Watched {
    std::string name;
    std::shared_ptr<const connector::resilience::Health> health;
  };
  std::vector<Watched> watched_;
  std::unique_ptr<DeadLetters> dead_letters_;
  plan::NodePtr plan_;
  std::unique_ptr<runtime::Pipeline> pipeline_;  // null: there is nothing left to do
  const std::shared_ptr<StopWatch> stop_watch_;
  const runtime::Progress none_;
  int64_t since_nanos_ = 0;
};

}  // namespace millrace::engine
