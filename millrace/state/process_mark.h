// ProcessMark: one process among all of the world's, and whether it is gone.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace millrace::state {

/// Names a process across machines, boots and containers.
struct ProcessMark {
  int64_t pid = 0;
  std::string host;       ///< for people
  std::string boot;       ///< of the machine; empty: not known
  std::string processes;  ///< the namespace in which `pid` counts
  std::string begun;      ///< when it began, as the kernel counts
  bool operator==(const ProcessMark&) const = default;

  /// This one.
  static ProcessMark Own();
  /// Is it certain that it runs no more? Only a process of this machine, seen from
  /// where we are, can be known to be gone; one that nobody has waited for is.
  bool IsGone() const;

  nlohmann::json ToJson() const;
  static ProcessMark From(const nlohmann::json& object, bool* good);
};

}  // namespace millrace::state
