#include "millrace/engine/settings.h"

#include "millrace/base/error.h"

namespace millrace::engine {

namespace {

// One setting: how it is written, and the member that it fills.
struct Setting {
  OptionSpec spec;
  int64_t low = 0, high = 0;  // of a number
  Status (*take)(const Config& value, JobOptions* options);
  void (*reset)(const JobOptions& defaults, JobOptions* options);
};

OptionSpec Spec(std::string name, OptionType type, std::string default_value,
                std::string doc, std::vector<std::string> choices = {}) {
  OptionSpec out;
  out.name = std::move(name);
  out.type = type;
  if (!default_value.empty()) out.default_value = std::move(default_value);
  out.doc = std::move(doc);
  out.choices = std::move(choices);
  return out;
}

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = {
      {Spec("name", OptionType::kString, "",
            "Name of the pipeline, by which its checkpoints are found"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->name = value.GetString("name");
         options->named = true;
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->name = defaults.name;
         options->named = defaults.named;
       }},
      {Spec("parallelism", OptionType::kInt, "",
            "Tasks of a stage; as many as there are shards when absent"),
       1, 1024,
       [](const Config& value, JobOptions* options) {
         options->parallelism = static_cast<int>(value.GetInt("parallelism"));
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->parallelism = defaults.parallelism;
       }},
      {Spec("batch_rows", OptionType::kInt, "65536", "Rows of a batch at the most"), 1,
       1024 * 1024,
       [](const Config& value, JobOptions* options) {
         options->batch_rows = value.GetInt("batch_rows");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->batch_rows = defaults.batch_rows;
       }},
      {Spec("dead_letters", OptionType::kString, "dead-letters.ndjson",
            "Where rows go that are set aside: a file, a sink, or discard"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->dead_letters = value.GetString("dead_letters");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->dead_letters = defaults.dead_letters;
       }},
      {Spec("max_dead_letters", OptionType::kString, "none",
            "More rows set aside end the run: a number, or a share like 0.5%"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         return DeadLetterLimit::Parse(value.GetString("max_dead_letters"))
             .Value(&options->max_dead_letters);
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->max_dead_letters = defaults.max_dead_letters;
       }},
      {Spec("checkpoints", OptionType::kEnum, "auto",
            "Are checkpoints written? auto: where the input has no end",
            {"auto", "on", "off"}),
       0, 0,
       [](const Config& value, JobOptions* options) {
         const std::string& text = value.GetString("checkpoints");
         options->checkpoints = text == "on"    ? WhenCheckpoints::kOn
                                : text == "off" ? WhenCheckpoints::kOff
                                                : WhenCheckpoints::kAuto;
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->checkpoints = defaults.checkpoints;
       }},
      {Spec("checkpoint_interval", OptionType::kDuration, "10s",
            "Time from the end of one checkpoint to the start of the next; 0s: only when "
            "asked for, and at a stop"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->checkpoint_interval_nanos = value.GetInt("checkpoint_interval");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->checkpoint_interval_nanos = defaults.checkpoint_interval_nanos;
       }},
      {Spec("checkpoints_retained", OptionType::kInt, "1",
            "Checkpoints that are kept besides the newest"),
       1, 1000,
       [](const Config& value, JobOptions* options) {
         options->checkpoints_retained =
             static_cast<int>(value.GetInt("checkpoints_retained"));
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->checkpoints_retained = defaults.checkpoints_retained;
       }},
      {Spec(
           "state_dir", OptionType::kString, "",
           "Folder of checkpoints; $MILLRACE_STATE_DIR, or millrace in the user's folder "
           "for state, when absent"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->state_dir = value.GetString("state_dir");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->state_dir = defaults.state_dir;
       }},
      {Spec("start_from", OptionType::kString, "",
            "Epoch or savepoint to start from; the newest checkpoint when absent"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->start_from = value.GetString("start_from");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->start_from = defaults.start_from;
       }},
      {Spec("guarantee", OptionType::kEnum, "any",
            "Refuse to run where less than this can be promised",
            {"any", "at_least_once", "exactly_once"}),
       0, 0,
       [](const Config& value, JobOptions* options) {
         const std::string& text = value.GetString("guarantee");
         options->guarantee = text == "exactly_once"    ? Guarantee::kExactlyOnce
                              : text == "at_least_once" ? Guarantee::kAtLeastOnce
                                                        : Guarantee::kAny;
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->guarantee = defaults.guarantee;
       }},
      {Spec(
           "restart_attempts", OptionType::kInt, "3",
           "Under `millrace serve`: times in a row that a pipeline is started again from "
           "its last checkpoint when it failed with an error worth retrying; 0: never. "
           "Ten minutes without failure forget earlier ones"),
       0, 1'000'000,
       [](const Config& value, JobOptions* options) {
         options->restart_attempts = static_cast<int>(value.GetInt("restart_attempts"));
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->restart_attempts = defaults.restart_attempts;
       }},
      {Spec("restart_backoff", OptionType::kDuration, "1s",
            "Under `millrace serve`: longest wait before the first restart; doubles with "
            "every failure in a row, up to 60s"),
       0, 0,
       [](const Config& value, JobOptions* options) {
         options->restart_backoff_nanos = value.GetInt("restart_backoff");
         return Status::OK();
       },
       [](const JobOptions& defaults, JobOptions* options) {
         options->restart_backoff_nanos = defaults.restart_backoff_nanos;
       }},
  };
  return settings;
}

}  // namespace

const ConfigSpec& SettingsSpec() {
  static const ConfigSpec spec = [] {
    std::vector<OptionSpec> options;
    for (const Setting& setting : Settings()) options.push_back(setting.spec);
    return ConfigSpec(std::move(options));
  }();
  return spec;
}

std::optional<std::pair<int64_t, int64_t>> SettingRange(const std::string& key) {
  for (const Setting& setting : Settings()) {
    if (setting.spec.name == key && setting.low < setting.high)
      return std::pair(setting.low, setting.high);
  }
  return std::nullopt;
}

Status ApplySetting(const std::string& key, const std::string* value,
                    const JobOptions& defaults, JobOptions* options) {
  for (const Setting& setting : Settings()) {
    if (setting.spec.name != key) continue;
    if (value == nullptr) {
      setting.reset(defaults, options);
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(
        Config config, ConfigSpec({setting.spec}).Parse("SET", {{key, *value}}, nullptr));
    if (setting.low < setting.high) {
      const int64_t number = config.GetInt(key);
      if (number < setting.low || number > setting.high) {
        return errors::kBadOption.Make({}, "SET {}: '{}' is not a number from {} to {}",
                                       key, *value, setting.low, setting.high);
      }
    }
    return setting.take(config, options);
  }
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) names.push_back(setting.spec.name);
  const std::string near = NearestName(key, names);
  return errors::kUnknownOption.Make(
      {}, "SET {}; settings are: {}{}", key, fmt::join(names, ", "),
      near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace millrace::engine
