// Where windows begin and end.
#pragma once

#include <cstdint>

namespace millrace::operators {

/// Start of the half-open tumbling window that holds `time`; floor division, so that
/// times before 1970 fall right too.
inline int64_t WindowStart(int64_t time, int64_t size, int64_t offset) {
  int64_t into = (time - offset) % size;
  if (into < 0) into += size;
  return time - into;
}

}  // namespace millrace::operators
