#include "millrace/server/managed_pipeline.h"

#include <chrono>

#include "millrace/base/backoff.h"
#include "millrace/server/errors.h"
#include "millrace/state/errors.h"

namespace millrace::server {

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// A run as long as this proves that earlier failures are over.
constexpr int64_t kHealthyNanos = 600 * kNanosPerSecond;
constexpr int64_t kSampleNanos = 2 * kNanosPerSecond;

bool IsStop(const Status& status) {
  const int32_t number = ErrorNumber(status);
  return number == errors::kStopped.number || number == errors::kCancelled.number;
}

bool IsRetryable(const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  return detail != nullptr && detail->retryable();
}

}  // namespace

std::string_view PipelineStateName(PipelineState state) {
  switch (state) {
    case PipelineState::kStarting: return "starting";
    case PipelineState::kRunning: return "running";
    case PipelineState::kStopping: return "stopping";
    case PipelineState::kStopped: return "stopped";
    case PipelineState::kFinished: return "finished";
    case PipelineState::kFailed: return "failed";
    case PipelineState::kWaiting: return "waiting";
  }
  return "";
}

ManagedPipeline::ManagedPipeline(engine::Engine* engine, std::string name,
                                 std::string path)
    : engine_(engine),
      name_(std::move(name)),
      path_(std::move(path)),
      since_micros_(engine->clock().WallMicros()),
      random_(std::hash<std::string>()(name_) ^
              static_cast<uint64_t>(engine->clock().WallMicros())) {}

ManagedPipeline::~ManagedPipeline() {
  (void)Stop("");  // it may have ended
  if (thread_.joinable()) thread_.join();
}

void ManagedPipeline::Enter(PipelineState state) {
  state_ = state;
  since_micros_ = engine_->clock().WallMicros();
  changed_.notify_all();
}

Status ManagedPipeline::Start(PipelineFile file, engine::JobOptions defaults) {
  std::lock_guard starting(starting_);
  {
    std::lock_guard lock(mutex_);
    if (state_ == PipelineState::kRunning) {
      return errors::kAlreadyRunning.Make({}, "'{}'", name_);
    }
    stop_ = true;  // ends the wait for a restart
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::lock_guard lock(mutex_);
  stop_ = false;
  savepoint_.clear();
  restarts_ = 0;
  error_ = Status::OK();
  figures_ = {};
  older_ = newer_ = {};
  attempt_ = std::make_shared<Attempt>(engine_);
  Enter(PipelineState::kRunning);
  thread_ = std::thread(
      [this, file = std::move(file), defaults = std::move(defaults)]() mutable {
        Loop(std::move(file), std::move(defaults));
      });
  return Status::OK();
}

Status ManagedPipeline::AwaitBegin() {
  std::shared_ptr<Attempt> attempt;
  {
    std::lock_guard lock(mutex_);
    if (attempt_ == nullptr) return error_;
    attempt = attempt_;
  }
  return attempt->AwaitBegin();
}

void ManagedPipeline::Fail(Status error) {
  std::lock_guard lock(mutex_);
  error_ = std::move(error);
  Enter(PipelineState::kFailed);
}

void ManagedPipeline::Loop(PipelineFile file, engine::JobOptions defaults) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const std::shared_ptr<Attempt> attempt = attempt_;
    lock.unlock();
    const int64_t began = engine_->clock().MonotonicNanos();
    const Status status = attempt->Execute(file, defaults);
    const int64_t lasted = engine_->clock().MonotonicNanos() - began;
    lock.lock();
    figures_ = attempt->Look();
    attempt_.reset();
    if (status.ok()) return Enter(PipelineState::kFinished);
    if (stop_ && IsStop(status)) return Enter(PipelineState::kStopped);
    error_ = status;
    if (lasted >= kHealthyNanos) restarts_ = 0;
    const engine::JobOptions& options = attempt->options();
    if (stop_ || !IsRetryable(status) || !attempt->repeatable() ||
        restarts_ >= options.restart_attempts) {
      return Enter(PipelineState::kFailed);
    }
    ++restarts_;
    // Where it was told to start from has been left behind.
    if (attempt->advanced()) defaults.start_over = "";
    Backoff backoff;
    backoff.first_nanos = options.restart_backoff_nanos;
    const std::chrono::nanoseconds pause(backoff.Pause(restarts_, random_));
    Enter(PipelineState::kWaiting);
    if (changed_.wait_for(lock, pause, [this] { return stop_; })) {
      return Enter(PipelineState::kStopped);
    }
    attempt_ = std::make_shared<Attempt>(engine_);
    older_ = newer_ = {};
    Enter(PipelineState::kRunning);
  }
}

Status ManagedPipeline::Stop(const std::string& savepoint) {
  std::lock_guard lock(mutex_);
  if (!active()) return errors::kNotRunning.Make({}, "'{}'", name_);
  if (attempt_ == nullptr && !savepoint.empty()) {
    return errors::kNotRunning.Make({}, "'{}' waits for a restart", name_);
  }
  if (attempt_ != nullptr) ARROW_RETURN_NOT_OK(attempt_->Stop(savepoint));
  stop_ = true;
  savepoint_ = savepoint;
  changed_.notify_all();
  return Status::OK();
}

Status ManagedPipeline::AwaitEnd() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !active(); });
  if (state_ == PipelineState::kFailed) return error_;
  if (state_ == PipelineState::kFinished && !savepoint_.empty()) {
    return errors::kNotRunning.Make({}, "'{}' finished before the savepoint", name_);
  }
  return Status::OK();
}

Result<Future<Epoch>> ManagedPipeline::Checkpoint(const std::string& savepoint) {
  std::lock_guard lock(mutex_);
  if (attempt_ == nullptr) return errors::kNotRunning.Make({}, "'{}'", name_);
  return attempt_->Checkpoint(savepoint);
}

PipelineStatus ManagedPipeline::Look() {
  std::lock_guard lock(mutex_);
  PipelineStatus out;
  out.name = name_;
  out.path = path_;
  out.state = state_;
  if (attempt_ != nullptr) {
    out.state = stop_                 ? PipelineState::kStopping
                : attempt_->running() ? PipelineState::kRunning
                                      : PipelineState::kStarting;
    figures_ = attempt_->Look();
  }
  out.since_micros = since_micros_;
  out.restarts = restarts_;
  out.error = error_;
  out.figures = figures_;
  if (attempt_ == nullptr) return out;
  const int64_t now = engine_->clock().MonotonicNanos();
  if (now - newer_.nanos >= kSampleNanos) {
    older_ = newer_;
    newer_ = {now, figures_.rows_read};
  }
  if (older_.nanos > 0) {
    out.rows_per_second = static_cast<double>(figures_.rows_read - older_.rows) * 1e9 /
                          static_cast<double>(now - older_.nanos);
  }
  return out;
}

}  // namespace millrace::server
