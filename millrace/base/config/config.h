// ConfigSpec: the options of a connector, format or command as data.
//
// One table validates what the user wrote, prints `millrace connectors`, fills the
// generated reference and answers an unknown option with the nearest one. A connector
// never reads a raw string map.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace {

enum class OptionType {
  kString,
  kBool,  ///< true, false, yes, no, on, off, 1, 0
  kInt,   ///< signed 64-bit
  kDouble,
  kBytes,     ///< a size: 4096, 64KiB, 10MB; bytes
  kDuration,  ///< 250ms, 5s, 10m, 1h; nanoseconds
  kEnum,      ///< one of `choices`, case-insensitive
  kChar,      ///< one byte; "\t" and "tab" are accepted
  kList,      ///< comma separated strings
};

/// The name of a type as help and reference print it.
std::string_view OptionTypeName(OptionType type);

/// One option. `default_value` is text as a user would write it; absent means "no value".
struct OptionSpec {
  std::string name;
  OptionType type = OptionType::kString;
  std::optional<std::string> default_value;
  bool required = false;
  bool secret = false;  ///< never printed, logged or put into an error
  std::string
      environment;  ///< variable read when the option is not given; empty for none
  std::vector<std::string> choices;
  std::string doc;  ///< one sentence
};

/// Option values after validation. Immutable; every option of the spec has its given,
/// environment or default value.
class Config {
 public:
  bool has(std::string_view name) const;
  /// Was it given by the user (directly or by environment), not defaulted?
  bool given(std::string_view name) const;

  // Getters require that the spec declares `name` with the matching type and that it has
  // a value.
  const std::string& GetString(std::string_view name) const;  ///< also kEnum (lower case)
  bool GetBool(std::string_view name) const;
  int64_t GetInt(std::string_view name) const;  ///< also kBytes, kDuration
  double GetDouble(std::string_view name) const;
  char GetChar(std::string_view name) const;
  const std::vector<std::string>& GetList(std::string_view name) const;

 private:
  friend class ConfigSpec;
  struct Value {
    std::string text;
    int64_t number = 0;
    double real = 0;
    std::vector<std::string> list;
    bool given = false;
  };
  const Value& Get(std::string_view name) const;
  std::map<std::string, Value, std::less<>> values_;
};

/// The table of options. Built once, then read-only.
class ConfigSpec {
 public:
  using Lookup = std::function<std::optional<std::string>(const std::string&)>;

  ConfigSpec() = default;
  explicit ConfigSpec(std::vector<OptionSpec> options) : options_(std::move(options)) {}

  const std::vector<OptionSpec>& options() const { return options_; }
  const OptionSpec* Find(std::string_view name) const;

  /// The options of both; a name in both is a fault of the caller.
  ConfigSpec Plus(const ConfigSpec& other) const;

  /// Validate `given` (names are case-insensitive). `owner` names the connector in
  /// errors. `environment` looks up variables; pass an empty function for none.
  Result<Config> Parse(std::string_view owner,
                       const std::map<std::string, std::string>& given,
                       const Lookup& environment) const;

 private:
  std::vector<OptionSpec> options_;
};

/// Parse "64KiB", "10MB", "4096" into bytes.
Result<int64_t> ParseBytes(std::string_view text);
/// Parse "250ms", "5s", "10m", "1h", "2d" into nanoseconds.
Result<int64_t> ParseDuration(std::string_view text);

}  // namespace millrace
