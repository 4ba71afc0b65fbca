#include "millrace/base/backoff.h"

#include <algorithm>
#include <cmath>

namespace millrace {

int64_t Backoff::Pause(int failure, Random& random) const {
  const auto most = static_cast<double>(max_nanos);
  // The power may be infinite; the smaller of the two never is.
  const double pause = std::min(
      most, static_cast<double>(first_nanos) * std::pow(multiplier, failure - 1));
  return static_cast<int64_t>(jitter ? pause * random.Unit() : pause);
}

}  // namespace millrace
