// Attempt: one run of a pipeline file, from its text to its end.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/future.h"
#include "millrace/base/ids.h"
#include "millrace/engine/session.h"
#include "millrace/server/pipeline_file.h"

namespace millrace::server {

/// What a pipeline is doing, in numbers.
struct RunFigures {
  int64_t rows_read = 0, rows_written = 0;
  int64_t dead_letters = 0;
  int64_t checkpoint_epoch = 0;   ///< the newest that there is; 0: none
  int64_t checkpoint_micros = 0;  ///< wall-clock time
  std::vector<engine::ConnectorHealth> connectors;
};

/// Execute belongs to the coordinating thread, the rest to any.
class Attempt final : public engine::SessionListener {
 public:
  explicit Attempt(engine::Engine* engine) : engine_(engine) {}

  /// Run the file to its end. kStopped and kCancelled are the ends that Stop makes.
  Status Execute(const PipelineFile& file, const engine::JobOptions& defaults);

  /// End at a checkpoint, under `savepoint` if that is not empty. Fails with
  /// kMakesNoCheckpoints, and then nothing has changed.
  Status Stop(const std::string& savepoint);
  /// The epoch, once it is made. Fails with kNotRunning or kMakesNoCheckpoints.
  Result<Future<Epoch>> Checkpoint(const std::string& savepoint);
  /// Wait until its first job is under way, so that what it starts from is accepted, or
  /// until it has failed before.
  Status AwaitBegin();
  /// Is a job under way?
  bool running() const;
  RunFigures Look() const;

  /// After Execute: as the file's settings have left them.
  const engine::JobOptions& options() const { return options_; }
  /// After Execute: would a run from the newest checkpoint, or from the beginning where
  /// there are none, neither make rows visible twice nor lose any?
  bool repeatable() const { return repeatable_; }
  /// After Execute: has it left a checkpoint of its own?
  bool advanced() const { return advanced_; }

 private:
  Result<engine::JobSummary> Run(engine::Job& job, bool writes) override;
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override;
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) override;
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string& message) override {}
  Status OnPlan(const std::string& text) override { return Status::OK(); }

  RunFigures Figures(const engine::Job& job) const;

  engine::Engine* const engine_;
  engine::JobOptions options_;
  bool repeatable_ = true;
  bool advanced_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool begun_ = false;                  // a first job
  std::optional<Status> ended_;         // what Execute answered
  engine::Session* session_ = nullptr;  // during Execute
  engine::Job* job_ = nullptr;          // while it runs
  RunFigures done_;                     // when no job runs: of those that have
  bool stop_ = false;
  std::string savepoint_;
};

}  // namespace millrace::server
