// Backoff: how long to wait before the next try.
#pragma once

#include <cstdint>

#include "millrace/base/random.h"

namespace millrace {

/// After failure n (from 1) the pause is at most first × multiplier^(n−1), and never more
/// than `max_nanos`. With jitter it is drawn evenly between nothing and that, so that
/// many who failed together do not come back together.
struct Backoff {
  int64_t first_nanos = 1'000'000'000;
  double multiplier = 2.0;
  int64_t max_nanos = 60'000'000'000;
  bool jitter = true;

  int64_t Pause(int failure, Random& random) const;
};

}  // namespace millrace
