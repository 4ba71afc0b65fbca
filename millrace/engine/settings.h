// Settings of a job: one table for SET, for `settings:` of a YAML pipeline and for
// --option of the command line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "millrace/base/config/config.h"
#include "millrace/engine/dead_letters.h"

namespace millrace::engine {

enum class WhenCheckpoints {
  kAuto,  ///< where the input has no end
  kOn,
  kOff,
};

/// From the least to the most.
enum class Guarantee {
  kAny,  ///< what source and sink can give
  kAtLeastOnce,
  kExactlyOnce,
};

/// What a script does when one of its statements fails.
enum class OnStatementError {
  kStop,
  kContinue,  ///< the others run, the script fails at its end
};

struct PipelineName {
  std::string text = "job";
  bool chosen = false;  ///< by somebody, so that the next run bears it too
};

struct JobOptions {
  /// Of the pipeline: what its checkpoints are found by.
  PipelineName name;
  /// Settings that SET leaves alone, because whoever runs the job has given them.
  std::set<std::string> fixed;
  /// Tasks of a stage; 0: the engine's shards.
  int parallelism = 0;
  int64_t batch_rows = 64 * 1024;
  /// Monotonic time at which the user asked for the job: what the summary counts from.
  /// −1: when the job is made.
  int64_t since_nanos = -1;
  /// Where dead letters go: a file, a sink that the catalog knows by this name, the
  /// address of one, or "discard"; empty: DeadLetterPlace. Used only when a row is set
  /// aside.
  std::string dead_letters;
  DeadLetterLimit max_dead_letters;
  /// A file of dead letters keeps what it holds already.
  bool continues_dead_letters = false;

  WhenCheckpoints checkpoints = WhenCheckpoints::kAuto;
  int64_t checkpoint_interval_nanos = 10'000'000'000;
  int checkpoints_retained = 1;
  std::string state_dir;  ///< empty: the engine's
  /// Of the object store that state_dir lies in.
  std::map<std::string, std::string> state_options;
  std::string start_from;  ///< an epoch or the name of a savepoint; empty: the newest
  /// What whoever runs the job wants to start from, over all settings; "" is the newest.
  std::optional<std::string> start_over;
  Guarantee guarantee = Guarantee::kAny;
  OnStatementError on_error = OnStatementError::kStop;
  /// A finished run leaves its last checkpoint, so that another run does not begin again:
  /// it is one of several of a script that may not be at its end.
  bool keeps_checkpoint = false;

  /// Of `millrace serve`: how often in a row a failed pipeline is started again, and how
  /// long it waits the first time.
  int restart_attempts = 3;
  int64_t restart_backoff_nanos = 1'000'000'000;
};

/// Where dead letters go. By default into a file that bears the pipeline's name: a file
/// of letters has one owner, and what replaces it must not be another pipeline's.
std::string DeadLetterPlace(const JobOptions& options);

/// The settings there are.
const ConfigSpec& SettingsSpec();

/// The least and the greatest value of a number; none for other settings.
std::optional<std::pair<int64_t, int64_t>> SettingRange(const std::string& key);

/// Give `options` the value of setting `key`, or that of `defaults` where `value` is
/// null. One that is fixed keeps its value. Fails with kUnknownOption or kBadOption.
Status ApplySetting(const std::string& key, const std::string* value,
                    const JobOptions& defaults, JobOptions* options);

}  // namespace millrace::engine
