#include "millrace/server/attempt.h"

#include "millrace/engine/yaml_pipeline.h"
#include "millrace/server/errors.h"
#include "millrace/state/errors.h"

namespace millrace::server {

Status Attempt::Execute(const PipelineFile& file, const engine::JobOptions& defaults) {
  engine::JobOptions options = defaults;
  options.name = {file.name, true};
  engine::Session session(engine_, std::move(options));
  {
    std::lock_guard lock(mutex_);
    session_ = &session;
    if (stop_ && savepoint_.empty()) session.GiveUp();
  }
  const Status status = engine::IsYamlPath(file.path)
                            ? session.ExecutePipeline(file.text, file.path, *this)
                            : session.Execute(file.text, file.path, *this);
  options_ = session.options();
  std::lock_guard lock(mutex_);
  ended_ = status;
  session_ = nullptr;
  changed_.notify_all();
  return status;
}

Status Attempt::AwaitBegin() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return begun_ || ended_; });
  return begun_ ? Status::OK() : *ended_;
}

Result<engine::JobSummary> Attempt::Run(engine::Job& job, bool writes) {
  const Status stopped = errors::kCancelled.Make({}, "stopped by request");
  const bool checkpointed = job.checkpointed();
  {
    std::lock_guard lock(mutex_);
    if (stop_ && !savepoint_.empty() && !checkpointed) {
      return errors::kMakesNoCheckpoints.Make({}, "'{}'", job.name());
    }
    // A savepoint can only be made by a job that runs.
    if (stop_ && savepoint_.empty()) return stopped;
    ARROW_RETURN_NOT_OK(job.CheckSavepoint(savepoint_));
    job.Start();
    if (stop_) job.Stop(savepoint_, stopped);
    job_ = &job;
    begun_ = true;
    changed_.notify_all();
  }
  Result<engine::JobSummary> summary = job.Finish();
  {
    std::lock_guard lock(mutex_);
    done_ = Figures(job);
    job_ = nullptr;
  }
  const bool decided = job.progress().epochs_decided.load() > 0;
  advanced_ |= checkpointed && decided;
  if (!summary.ok()) {
    // A commit that failed may have made its rows visible.
    if (!checkpointed && decided) repeatable_ = false;
    // Another run would take up a pipe in the middle, and call that all of it.
    if (!job.rereads()) repeatable_ = false;
    return summary;
  }
  if (job.stopped()) return errors::kStopped.Make({}, "pipeline '{}'", job.name());
  // What a statement has written, the script would write again.
  if (writes) repeatable_ = false;
  return summary;
}

Status Attempt::OnSchema(const std::shared_ptr<arrow::Schema>& schema) {
  return errors::kRowsNowhere.Make({}, "");
}

Status Attempt::OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) {
  return Status::OK();  // of EXPLAIN ANALYZE
}

Status Attempt::Stop(const std::string& savepoint) {
  std::lock_guard lock(mutex_);
  if (job_ != nullptr && !savepoint.empty() && !job_->checkpointed()) {
    return errors::kMakesNoCheckpoints.Make({}, "'{}'", job_->name());
  }
  if (job_ != nullptr) ARROW_RETURN_NOT_OK(job_->CheckSavepoint(savepoint));
  stop_ = true;
  savepoint_ = savepoint;
  if (job_ != nullptr) {
    job_->Stop(savepoint, errors::kCancelled.Make({}, "stopped by request"));
  } else if (session_ != nullptr && savepoint.empty()) {
    session_->GiveUp();
  }
  return Status::OK();
}

Result<Future<Epoch>> Attempt::Checkpoint(const std::string& savepoint) {
  std::lock_guard lock(mutex_);
  if (job_ == nullptr) return errors::kNotRunning.Make({}, "it has not begun yet");
  if (!job_->checkpointed()) {
    return errors::kMakesNoCheckpoints.Make({}, "'{}'", job_->name());
  }
  ARROW_RETURN_NOT_OK(job_->CheckSavepoint(savepoint));
  return job_->Checkpoint(savepoint);
}

bool Attempt::running() const {
  std::lock_guard lock(mutex_);
  return job_ != nullptr;
}

RunFigures Attempt::Look() const {
  std::lock_guard lock(mutex_);
  return job_ != nullptr ? Figures(*job_) : done_;
}

RunFigures Attempt::Figures(const engine::Job& job) const {
  const runtime::Progress& progress = job.progress();
  RunFigures out;
  out.rows_read = done_.rows_read + progress.rows_read.load();
  out.rows_written = done_.rows_written + progress.rows_written.load();
  out.dead_letters = done_.dead_letters + progress.dead_letters.load();
  out.checkpoint_epoch = progress.checkpoint_epoch.load();
  out.checkpoint_micros = progress.checkpoint_micros.load();
  out.connectors = job.health();
  return out;
}

}  // namespace millrace::server
