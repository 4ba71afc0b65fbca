// Budget: how much one call may do before it must return.
#pragma once

#include <cstdint>

namespace millrace {

/// Upper targets for one Poll or Run. A call may overshoot by one indivisible piece (a
/// row, a page), never by more.
struct Budget {
  int64_t rows = 64 * 1024;
  int64_t bytes = 4 * 1024 * 1024;

  bool exhausted() const { return rows <= 0 || bytes <= 0; }
  void Spend(int64_t spent_rows, int64_t spent_bytes) {
    rows -= spent_rows;
    bytes -= spent_bytes;
  }
};

}  // namespace millrace
