// Job: a plan with its connectors, from check to commit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/resilience/health.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/dead_letters.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/result_sink.h"
#include "millrace/plan/node.h"
#include "millrace/plan/write_node.h"
#include "millrace/runtime/pipeline.h"

namespace millrace::engine {

struct JobOptions {
  std::string name = "job";
  /// Tasks of a stage; 0: the engine's shards.
  int parallelism = 0;
  int64_t batch_rows = 64 * 1024;
  /// Monotonic time at which the user asked for the job: what the summary counts from.
  /// −1: when the job is made.
  int64_t since_nanos = -1;
  /// Where dead letters go: a file, a sink that the catalog knows by this name, the
  /// address of one, or "discard". Used only when a source sets rows aside.
  std::string dead_letters = "dead-letters.ndjson";
  DeadLetterLimit max_dead_letters;
  /// A file of dead letters keeps what it holds already.
  bool continues_dead_letters = false;
};

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
  void Cancel(Status reason) { pipeline_->Cancel(std::move(reason)); }
  Result<JobSummary> Finish();

  const runtime::Progress& progress() const { return pipeline_->progress(); }
  /// Of its sources and its sink; those without policies are left out.
  std::vector<ConnectorHealth> health() const;
  int64_t memory_used() const { return memory_->used(); }
  /// The plan as it runs, exchanges included; after Finish with rows and time per node.
  std::string ExplainAnalyzed() const;
  const plan::NodePtr& plan() const { return plan_; }
  /// What the pipeline promises, as one line: "exactly once (two-phase commit)".
  std::string guarantee() const;

 private:
  Job(Engine* engine, JobOptions options);

  Engine* const engine_;
  const JobOptions options_;
  std::shared_ptr<MemoryBudget> memory_;
  std::unique_ptr<connector::Sink> sink_;
  std::vector<std::unique_ptr<connector::Source>> sources_;
  struct Watched {
    std::string name;
    std::shared_ptr<const connector::resilience::Health> health;
  };
  std::vector<Watched> watched_;
  std::unique_ptr<DeadLetters> dead_letters_;
  plan::NodePtr plan_;
  std::unique_ptr<runtime::Pipeline> pipeline_;
  int64_t since_nanos_ = 0;
};

}  // namespace millrace::engine
