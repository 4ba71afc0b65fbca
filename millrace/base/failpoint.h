// Failpoints: named places where a test ends the process, or lets a step fail, to see
// what survives.
//
// The variable MILLRACE_FAILPOINT arms one: "NAME" kills the process (SIGKILL, no
// destructor runs) when it first gets there, "NAME@3" at the third time, "NAME@3=error"
// makes that step fail with errors::kFailpoint instead. ">FILE" ends nothing, but appends
// each name to FILE when the process gets there, a line each. Read once; without it a
// failpoint costs a load and a branch.
#pragma once

#include <cstdlib>
#include <string_view>

#include "millrace/base/result.h"

namespace millrace::failpoint {

namespace internal {
Status ReachArmed(std::string_view name);
inline bool IsArmed() {
  static const bool armed = std::getenv("MILLRACE_FAILPOINT") != nullptr;
  return armed;
}
}  // namespace internal

/// The process has come to `name`. Thread-safe. Names are of the form
/// "checkpoint.decided" and unique.
inline Status Reach(std::string_view name) {
  return internal::IsArmed() ? internal::ReachArmed(name) : Status::OK();
}

}  // namespace millrace::failpoint
