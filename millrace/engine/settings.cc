#include "millrace/engine/settings.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "millrace/base/error.h"
#include "millrace/io/path.h"
#include "millrace/state/place.h"

namespace millrace::engine {

namespace {

std::optional<std::string> DefaultOf(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

// One setting: how it is written, and the members that it fills.
struct Setting {
  OptionSpec spec;
  int64_t low = 0, high = 0;  // of a number
  std::function<Status(const Config& value, JobOptions* options)> take;
  std::function<void(const JobOptions& defaults, JobOptions* options)> reset;

  Setting&& Within(int64_t least, int64_t most) && {
    low = least;
    high = most;
    return std::move(*this);
  }
};

template <typename Member, typename Parse>
Setting Parsed(OptionSpec spec, Member JobOptions::*member, Parse parse) {
  Setting out;
  out.take = [name = spec.name, member, parse](const Config& value, JobOptions* options) {
    ARROW_ASSIGN_OR_RAISE(options->*member, parse(value, name));
    return Status::OK();
  };
  out.reset = [member](const JobOptions& defaults, JobOptions* options) {
    options->*member = defaults.*member;
  };
  out.spec = std::move(spec);
  return out;
}

Setting Text(const char* name, const char* default_value, const char* doc,
             std::string JobOptions::*member) {
  return Parsed({.name = name,
                 .type = OptionType::kString,
                 .default_value = DefaultOf(default_value),
                 .doc = doc},
                member, [](const Config& value, const std::string& name) {
                  return Result<std::string>(value.GetString(name));
                });
}

template <typename Number>
Setting Whole(const char* name, const char* default_value, const char* doc,
              Number JobOptions::*member, OptionType type = OptionType::kInt) {
  return Parsed(
      {.name = name, .type = type, .default_value = DefaultOf(default_value), .doc = doc},
      member, [](const Config& value, const std::string& name) {
        return Result<Number>(static_cast<Number>(value.GetInt(name)));
      });
}

Setting Duration(const char* name, const char* default_value, const char* doc,
                 int64_t JobOptions::*nanos) {
  return Whole(name, default_value, doc, nanos, OptionType::kDuration);
}

/// The first of `choices` is the default.
template <typename Enum>
Setting Choice(const char* name, std::vector<std::pair<std::string, Enum>> choices,
               const char* doc, Enum JobOptions::*member) {
  OptionSpec spec{.name = name,
                  .type = OptionType::kEnum,
                  .default_value = choices.front().first,
                  .doc = doc};
  for (const auto& choice : choices) spec.choices.push_back(choice.first);
  return Parsed(
      std::move(spec), member,
      [choices = std::move(choices)](const Config& value, const std::string& name) {
        const auto chosen = std::find_if(
            choices.begin(), choices.end(),
            [&](const auto& choice) { return choice.first == value.GetString(name); });
        return Result<Enum>(chosen->second);
      });
}

// What the store of `state_dir` takes, each under its name behind "state_".
Setting OfState(const OptionSpec& option) {
  Setting out;
  out.spec = option;
  out.spec.name = "state_" + option.name;
  out.spec.default_value = std::nullopt;
  out.spec.environment.clear();
  out.spec.doc = "Of the store that state_dir lies in. " + option.doc;
  out.take = [setting = out.spec.name, name = option.name](const Config& value,
                                                           JobOptions* options) {
    options->state_options[name] = value.GetString(setting);
    return Status::OK();
  };
  out.reset = [name = option.name](const JobOptions& defaults, JobOptions* options) {
    options->state_options.erase(name);
    const auto given = defaults.state_options.find(name);
    if (given != defaults.state_options.end()) options->state_options.insert(*given);
  };
  return out;
}

std::vector<Setting> MakeSettings() {
  std::vector<Setting> settings = {
      Parsed({.name = "name",
              .type = OptionType::kString,
              .doc = "Name of the pipeline, by which its checkpoints are found"},
             &JobOptions::name,
             [](const Config& value, const std::string& name) -> Result<PipelineName> {
               std::string text = value.GetString(name);
               if (text.empty()) return errors::kBadOption.Make({}, "name: it is empty");
               return PipelineName{std::move(text), true};
             }),
      Whole("parallelism", "",
            "Tasks of a stage; as many as there are shards when absent",
            &JobOptions::parallelism)
          .Within(1, 1024),
      Whole("batch_rows", "65536", "Rows of a batch at the most", &JobOptions::batch_rows)
          .Within(1, 1024 * 1024),
      Text("dead_letters", "",
           "Where rows go that are set aside: a file, a sink, or discard; "
           "NAME.dead-letters.ndjson when absent",
           &JobOptions::dead_letters),
      Parsed({.name = "max_dead_letters",
              .type = OptionType::kString,
              .default_value = "none",
              .doc = "More rows set aside end the run: a number, or a share like 0.5%"},
             &JobOptions::max_dead_letters,
             [](const Config& value, const std::string& name) {
               return DeadLetterLimit::Parse(value.GetString(name));
             }),
      Choice<WhenCheckpoints>("checkpoints",
                              {{"auto", WhenCheckpoints::kAuto},
                               {"on", WhenCheckpoints::kOn},
                               {"off", WhenCheckpoints::kOff}},
                              "Are checkpoints written? auto: where the input has no end",
                              &JobOptions::checkpoints),
      Duration("checkpoint_interval", "10s",
               "Time from the end of one checkpoint to the start of the next; 0s: only "
               "when asked for, and at a stop",
               &JobOptions::checkpoint_interval_nanos),
      Whole("checkpoints_retained", "1", "Checkpoints that are kept besides the newest",
            &JobOptions::checkpoints_retained)
          .Within(1, 1000),
      Text("state_dir", "",
           "Folder of checkpoints, also s3://bucket/prefix; $MILLRACE_STATE_DIR, or "
           "millrace in the user's folder for state, when absent",
           &JobOptions::state_dir),
      Text("start_from", "",
           "Epoch or savepoint to start from; the newest checkpoint when absent",
           &JobOptions::start_from),
      Choice<Guarantee>("guarantee",
                        {{"any", Guarantee::kAny},
                         {"at_least_once", Guarantee::kAtLeastOnce},
                         {"exactly_once", Guarantee::kExactlyOnce}},
                        "Refuse to run where less than this can be promised",
                        &JobOptions::guarantee),
      Choice<OnStatementError>(
          "on_error",
          {{"stop", OnStatementError::kStop}, {"continue", OnStatementError::kContinue}},
          "When a statement of a script fails: stop there, or run the others and fail at "
          "the end",
          &JobOptions::on_error),
      Whole("restart_attempts", "3",
            "Under `millrace serve`: times in a row that a pipeline is started again "
            "from its last checkpoint when it failed with an error worth retrying; 0: "
            "never. Ten minutes without failure forget earlier ones",
            &JobOptions::restart_attempts)
          .Within(0, 1'000'000),
      Duration("restart_backoff", "1s",
               "Under `millrace serve`: longest wait before the first restart; doubles "
               "with every failure in a row, up to 60s",
               &JobOptions::restart_backoff_nanos),
  };
  for (const OptionSpec& option : state::PlaceSpec().options())
    settings.push_back(OfState(option));
  return settings;
}

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = MakeSettings();
  return settings;
}

}  // namespace

std::string DeadLetterPlace(const JobOptions& options) {
  if (!options.dead_letters.empty()) return options.dead_letters;
  return io::NameOf(options.name.text) + ".dead-letters.ndjson";
}

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
    JobOptions left_alone;
    if (options->fixed.contains(key)) options = &left_alone;
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
