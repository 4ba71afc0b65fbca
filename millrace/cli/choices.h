// Options whose value is one of a few words.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "millrace/base/error.h"

namespace millrace::cli {

/// How completion knows a validator that has a list of choices as its description.
inline constexpr const char kChoices[] = "choices";

/// Takes one of the names, in any case, and turns it into its enumerator.
template <typename Enum>
CLI::Validator OneOf(const std::map<std::string, Enum>& choices) {
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) names.push_back(name);
  const std::string list = fmt::format("{}", fmt::join(names, "|"));
  return CLI::Validator(
      [choices, names, list](std::string& word) -> std::string {
        for (const auto& [name, value] : choices) {
          if (!std::equal(name.begin(), name.end(), word.begin(), word.end(),
                          [](char a, char b) { return a == std::tolower(b); })) {
            continue;
          }
          word = std::to_string(static_cast<int>(value));
          return "";
        }
        const std::string near = NearestName(word, names);
        return fmt::format("'{}' is none of {}{}", word, list,
                           near.empty() ? "" : "; did you mean '" + near + "'?");
      },
      list, kChoices);
}

/// Takes anything: somebody further on knows better. Completion offers `names`.
inline CLI::Validator Usually(const std::vector<std::string>& names) {
  return CLI::Validator([](std::string&) { return std::string(); },
                        fmt::format("{}", fmt::join(names, "|")), kChoices);
}

}  // namespace millrace::cli
