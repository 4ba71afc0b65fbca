#include "millrace/base/config/config.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "millrace/base/error.h"

namespace millrace {

namespace {

std::string Lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

// A name such as "fields.<column>.kind" stands for as many options as there are columns.
// What comes before and behind the angle brackets; false for the name of one option.
bool IsPattern(std::string_view name, std::string_view* before, std::string_view* after) {
  const size_t open = name.find('<'), close = name.find('>');
  if (open == std::string_view::npos || close == std::string_view::npos) return false;
  *before = name.substr(0, open);
  *after = name.substr(close + 1);
  return true;
}

bool Matches(std::string_view option, std::string_view name) {
  std::string_view before, after;
  if (!IsPattern(option, &before, &after)) return option == name;
  return name.size() > before.size() + after.size() && name.starts_with(before) &&
         name.ends_with(after);
}

struct Unit {
  std::string_view name;
  double scale;
};

// "<number><unit>" scaled to a whole number; `what` names the kind of value in the error.
Result<int64_t> ParseScaled(std::string_view text, std::span<const Unit> units,
                            std::string_view what) {
  const std::string lowered = Lowered(Trimmed(text));
  double number = 0;
  const char* end = lowered.data() + lowered.size();
  auto [rest, error] = std::from_chars(lowered.data(), end, number);
  const std::string_view unit = Trimmed({rest, static_cast<size_t>(end - rest)});
  if (error == std::errc()) {
    for (const Unit& candidate : units) {
      if (unit != candidate.name) continue;
      const double value = number * candidate.scale;
      if (value < 0 || value > 9.2e18) break;
      return static_cast<int64_t>(std::llround(value));
    }
  }
  std::string names;
  for (const Unit& candidate : units) {
    if (candidate.name.empty()) continue;
    names += (names.empty() ? "" : ", ") + std::string(candidate.name);
  }
  return Status::Invalid(
      fmt::format("'{}' is not a {}; write a number and a unit ({})", text, what, names));
}

constexpr Unit kByteUnits[] = {
    {"", 1},     {"b", 1},       {"kb", 1e3},      {"mb", 1e6},
    {"gb", 1e9}, {"kib", 1024},  {"mib", 1048576}, {"gib", 1073741824},
    {"k", 1024}, {"m", 1048576}, {"g", 1073741824}};
constexpr Unit kDurationUnits[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                   {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    out.emplace_back(Trimmed(text.substr(0, comma)));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return out;
}

}  // namespace

std::string_view OptionTypeName(OptionType type) {
  switch (type) {
    case OptionType::kString: return "string";
    case OptionType::kBool: return "boolean";
    case OptionType::kInt: return "integer";
    case OptionType::kDouble: return "number";
    case OptionType::kBytes: return "size";
    case OptionType::kDuration: return "duration";
    case OptionType::kEnum: return "choice";
    case OptionType::kChar: return "character";
    case OptionType::kList: return "list";
  }
  return "";
}

Result<int64_t> ParseBytes(std::string_view text) {
  return ParseScaled(text, kByteUnits, "size");
}
Result<int64_t> ParseDuration(std::string_view text) {
  return ParseScaled(text, kDurationUnits, "duration");
}

const Config::Value& Config::Get(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) {
    // A getter for an option that the spec lacks is a fault in the connector, met by its
    // first test.
    std::abort();
  }
  return found->second;
}
bool Config::has(std::string_view name) const {
  return values_.find(name) != values_.end();
}
bool Config::given(std::string_view name) const {
  auto found = values_.find(name);
  return found != values_.end() && found->second.given;
}
const std::string& Config::GetString(std::string_view name) const {
  return Get(name).text;
}
bool Config::GetBool(std::string_view name) const { return Get(name).number != 0; }
int64_t Config::GetInt(std::string_view name) const { return Get(name).number; }
double Config::GetDouble(std::string_view name) const { return Get(name).real; }
char Config::GetChar(std::string_view name) const { return Get(name).text.at(0); }
const std::vector<std::string>& Config::GetList(std::string_view name) const {
  return Get(name).list;
}

const OptionSpec* ConfigSpec::Find(std::string_view name) const {
  const std::string lowered = Lowered(name);
  for (const OptionSpec& option : options_) {
    if (Matches(option.name, lowered)) return &option;
  }
  return nullptr;
}

ConfigSpec ConfigSpec::Plus(const ConfigSpec& other) const {
  ConfigSpec both = *this;
  both.options_.insert(both.options_.end(), other.options_.begin(), other.options_.end());
  return both;
}

Result<Config> ConfigSpec::Parse(std::string_view owner,
                                 const std::map<std::string, std::string>& given,
                                 const Lookup& environment) const {
  Config config;
  // `name`: that of the option, or one that its pattern matches.
  auto set = [&](const OptionSpec& option, const std::string& name,
                 const std::string& text, bool by_user) -> Status {
    auto bad = [&](const OptionSpec& of, std::string reason) {
      if (of.secret) reason = "the value (not shown) does not fit";
      return errors::kBadOption.Make({}, "{}: option '{}': {}", owner, name, reason);
    };
    Config::Value value;
    value.text = text;
    value.given = by_user;
    const std::string lowered = Lowered(Trimmed(text));
    switch (option.type) {
      case OptionType::kString: break;
      case OptionType::kBool:
        if (lowered == "true" || lowered == "yes" || lowered == "on" || lowered == "1") {
          value.number = 1;
        } else if (lowered != "false" && lowered != "no" && lowered != "off" &&
                   lowered != "0") {
          return bad(option, fmt::format("'{}' is neither true nor false", text));
        }
        break;
      case OptionType::kInt: {
        auto [end, error] = std::from_chars(
            lowered.data(), lowered.data() + lowered.size(), value.number);
        if (error != std::errc() || end != lowered.data() + lowered.size()) {
          return bad(option, fmt::format("'{}' is not a whole number", text));
        }
        break;
      }
      case OptionType::kDouble: {
        auto [end, error] =
            std::from_chars(lowered.data(), lowered.data() + lowered.size(), value.real);
        if (error != std::errc() || end != lowered.data() + lowered.size()) {
          return bad(option, fmt::format("'{}' is not a number", text));
        }
        break;
      }
      case OptionType::kBytes: {
        auto parsed = ParseBytes(text);
        if (!parsed.ok()) return bad(option, parsed.status().message());
        value.number = *parsed;
        break;
      }
      case OptionType::kDuration: {
        auto parsed = ParseDuration(text);
        if (!parsed.ok()) return bad(option, parsed.status().message());
        value.number = *parsed;
        break;
      }
      case OptionType::kEnum: {
        value.text = lowered;
        bool known = false;
        std::string all;
        for (const std::string& choice : option.choices) {
          known |= choice == lowered;
          all += (all.empty() ? "" : ", ") + choice;
        }
        if (!known) {
          const std::string near = NearestName(lowered, option.choices);
          return bad(
              option,
              fmt::format("'{}' is none of: {}{}", text, all,
                          near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
        }
        break;
      }
      case OptionType::kChar:
        if (lowered == "tab" || text == "\\t") value.text = "\t";
        if (value.text.size() != 1)
          return bad(option, fmt::format("'{}' is not one single-byte character", text));
        break;
      case OptionType::kList: value.list = SplitList(text); break;
    }
    config.values_[name] = std::move(value);
    return Status::OK();
  };

  for (const auto& [name, text] : given) {
    const OptionSpec* option = Find(name);
    if (option == nullptr) {
      std::vector<std::string> names;
      for (const OptionSpec& known : options_) names.push_back(known.name);
      const std::string near = NearestName(name, names);
      return errors::kUnknownOption.Make(
          {}, "{} has no option '{}'{}", owner, name,
          near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    ARROW_RETURN_NOT_OK(set(*option, Lowered(name), text, true));
  }
  for (const OptionSpec& option : options_) {
    if (config.has(option.name)) continue;
    if (environment && !option.environment.empty()) {
      if (auto value = environment(option.environment)) {
        ARROW_RETURN_NOT_OK(set(option, option.name, *value, true));
        continue;
      }
    }
    if (option.default_value) {
      ARROW_RETURN_NOT_OK(set(option, option.name, *option.default_value, false));
    } else if (option.required) {
      return errors::kMissingOption.Make(
          {}, "{} needs option '{}'{}", owner, option.name,
          option.environment.empty()
              ? ""
              : fmt::format(" (or environment variable {})", option.environment));
    }
  }
  return config;
}

}  // namespace millrace
