// ManagedPipeline: one pipeline of a server, through starts, failures and restarts.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "millrace/base/random.h"
#include "millrace/server/attempt.h"
#include "millrace/server/pipeline_file.h"

namespace millrace::server {

enum class PipelineState {
  kStarting,  ///< being planned
  kRunning,
  kStopping,
  kStopped,   ///< on request; `start` goes on
  kFinished,  ///< its input has ended
  kFailed,
  kWaiting,  ///< failed, and will be started again
};
std::string_view PipelineStateName(PipelineState state);

struct PipelineStatus {
  std::string name, path;
  PipelineState state = PipelineState::kStopped;
  int64_t since_micros = 0;    ///< wall-clock time of the last start or end
  int restarts = 0;            ///< after failures in a row
  Status error;                ///< of the last failure
  double rows_per_second = 0;  ///< read, over the last seconds
  RunFigures figures;
};

/// Owns a thread while it is active, which is the coordinating one of its jobs.
/// Thread-safe; Start and the destructor wait for the thread of the run before.
class ManagedPipeline {
 public:
  ManagedPipeline(engine::Engine* engine, std::string name, std::string path);
  /// Stops what runs, at a checkpoint where it makes them.
  ~ManagedPipeline();

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }

  /// Run `file`. One that waits for a restart is started at once. Fails with
  /// kAlreadyRunning.
  Status Start(PipelineFile file, engine::JobOptions defaults);
  /// After Start: wait until it runs, or has failed before it could (its error).
  Status AwaitBegin();
  /// It could not even be read.
  void Fail(Status error);
  /// Ask it to end; AwaitEnd waits. Fails with kNotRunning or kMakesNoCheckpoints.
  Status Stop(const std::string& savepoint);
  /// OK when it has stopped or finished, otherwise its error.
  Status AwaitEnd();
  Result<Future<Epoch>> Checkpoint(const std::string& savepoint);

  PipelineStatus Look();

 private:
  void Loop(PipelineFile file, engine::JobOptions defaults);
  bool active() const {
    return state_ == PipelineState::kRunning || state_ == PipelineState::kWaiting;
  }
  void Enter(PipelineState state);

  engine::Engine* const engine_;
  const std::string name_;
  const std::string path_;

  std::mutex starting_;  // one Start at a time; taken before mutex_
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  PipelineState state_ = PipelineState::kStopped;  // kRunning stands for three
  bool stop_ = false;
  std::string savepoint_;
  std::shared_ptr<Attempt> attempt_;
  RunFigures figures_;  // of the last attempt
  Status error_;
  int restarts_ = 0;
  int64_t since_micros_ = 0;
  Random random_;
  // Two samples of rows read, seconds apart: what the rate is made from.
  struct Sample {
    int64_t nanos = 0, rows = 0;
  } older_, newer_;
};

}  // namespace millrace::server
