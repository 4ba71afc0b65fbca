#include "millrace/connector/resilience/token_bucket.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::connector::resilience {

namespace {

constexpr double kSecond = 1e9;

}  // namespace

TokenBucket::TokenBucket(int64_t per_second, int64_t now)
    : rate_(static_cast<double>(per_second)),
      capacity_(std::max(1.0, rate_ / 10)),
      tokens_(capacity_),
      last_(now) {}

void TokenBucket::Refill(int64_t now) {
  if (now <= last_) return;
  const double earned = rate_ * static_cast<double>(now - last_) / kSecond;
  tokens_ = std::min(capacity_, tokens_ + earned);
  last_ = now;
}

int64_t TokenBucket::ReadyAt(int64_t now) {
  if (!limited()) return now;
  Refill(now);
  // Half of it: waiting for each single token would mean a batch a row.
  const double wanted = std::max(1.0, capacity_ / 2);
  if (tokens_ >= wanted) return now;
  return now + static_cast<int64_t>(std::ceil((wanted - tokens_) * kSecond / rate_));
}

int64_t TokenBucket::Allowance(int64_t now) {
  if (!limited()) return std::numeric_limits<int64_t>::max();
  Refill(now);
  return std::max<int64_t>(1, static_cast<int64_t>(tokens_));
}

void TokenBucket::Take(int64_t amount, int64_t now) {
  if (!limited()) return;
  Refill(now);
  tokens_ -= static_cast<double>(amount);
}

}  // namespace millrace::connector::resilience
